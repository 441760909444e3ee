// `taskmesh call` as a shell sees it, against a node of the gRPC edge.
import { beforeAll, describe, expect, test } from "vitest";
import { WatchTasksResponse } from "../../src/gen/mesh/v1/task_service.js";
import { startNode } from "../api/support.js";
import { buildCli, cli } from "./built-cli.js";

beforeAll(() => buildCli(), 120_000);

describe("taskmesh call", () => {
  test("lists every method with what it takes and answers", async () => {
    const { code, stdout } = await cli(["call"]);

    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        "mesh.v1.TaskService/GetTask (GetTaskRequest) → GetTaskResponse",
        "mesh.v1.TaskService/WatchTasks (WatchTasksRequest) → stream WatchTasksResponse",
        "raft.v1.RaftService/Exchange (stream ExchangeRequest) → stream ExchangeResponse",
      ]),
    );
    expect(lines).toEqual([...lines].sort());
    const names = JSON.parse((await cli(["call", "--json"])).stdout) as string[];
    expect(names).toEqual(lines.map((line) => line.split(" ")[0]));
  });

  test("sends JSON and prints the answer as JSON, names of both in camel case", async () => {
    const { address, leadership, queue } = await startNode();
    leadership.become({ kind: "self" });
    const request = { type: "process", data: '"hi"', priority: 3, delayMs: 5, requires: ["gpu"] };

    const { stdout, stderr } = await call(address, "SubmitTask", JSON.stringify(request));

    expect(stderr).toBe("");
    expect(queue.submitCalls).toMatchObject([{ items: [request] }]);
    expect(JSON.parse(stdout)).toMatchObject({ task: { status: "TASK_STATUS_PENDING" } });
  });

  test("prints each answer of a stream on a line", async () => {
    const { address, queue } = await startNode();
    const change = WatchTasksResponse.decode(new Uint8Array());
    queue.watch = async function* ({ fromIndex }) {
      for (const id of ["a", "b"])
        yield await Promise.resolve({ ...change, id, index: fromIndex ?? 0 });
    };

    const { code, stdout } = await call(address, "WatchTasks", '{"fromIndex":"7"}');

    expect(code).toBe(0);
    const answers = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(answers).toMatchObject([
      { id: "a", index: "7" },
      { id: "b", index: "7" },
    ]);
  });

  test("tells the status of a refusal, and ends with 1", async () => {
    const { address } = await startNode();

    const { code, stderr } = await call(address, "GetTask", '{"id":"01TASK"}');

    expect([code, stderr]).toEqual([
      1,
      `taskmesh: ${address} answered NOT_FOUND: no task 01TASK\n`,
    ]);
  });

  test.each([
    ["Nothing", "{}", "there is no method mesh.v1.TaskService/Nothing"],
    ["GetTask", "{", "the request:"],
    ["GetTask", "[]", "the request: give a JSON object"],
    ["GetTask", '{"ids":"x"}', "the request: ids is not known, or not of its type"],
    ["SubmitTask", '{"priority":"high"}', "the request: priority is not known"],
    ["SubmitTask", '{"backoff":{"type":"SLOW"}}', "the request: backoff.type is not known"],
    ["SubmitTask", '{"requires":[["x"]]}', "the request: requires.0 is not known"],
  ])("refuses %s %s before anything is sent", async (method, request, reason) => {
    const { code, stderr } = await call("127.0.0.1:1", method, request);

    expect(code).toBe(2);
    expect(stderr).toContain(reason);
  });

  test("says where no node answers", async () => {
    const { code, stderr } = await call("127.0.0.1:1", "GetTask", "{}");

    expect([code, stderr]).toEqual([
      1,
      "taskmesh: no node answers at 127.0.0.1:1: is the mesh running? name another with --node\n",
    ]);
  });
});

function call(address: string, method: string, request: string) {
  return cli(["call", `mesh.v1.TaskService/${method}`, request, "--node", address]);
}
