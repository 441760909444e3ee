// What a mesh refuses says what is wrong and what there is, over gRPC and over HTTP alike.
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { UnaryStub } from "../../src/api/unary-client.js";
import { problemOf } from "../../src/api/status.js";
import type { ProblemView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.close(), 60_000);

/** Message of the refusal that a call gets, which is the caller's fault. */
function refused<Request, Response>(
  stub: UnaryStub<Request, Response>,
  request: Request,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const bounds = { deadline: Date.now() + 10_000 };
    stub(request, new Metadata(), bounds, (error) => {
      if (error?.code === status.INVALID_ARGUMENT) resolve(problemOf(error)?.message ?? "");
      else reject(error ?? new Error("it was answered"));
    });
  });
}

const everything = { status: 0, type: "", queue: "", limit: 0, cursor: "" };

test("a status that no version of this one knows is refused", async () => {
  const { tasks } = mesh.at(await mesh.follower());

  const message = await refused(tasks.listTasks.bind(tasks), { ...everything, status: 99 });

  expect(message).toBe("status 99 is not known: give one of mesh.v1.TaskStatus");
});

test("what no queue is called is refused wherever a queue is asked for", async () => {
  const { tasks, queues } = mesh.at(await mesh.follower());
  const rule = /must be 1 to 63 letters/;

  expect(await refused(tasks.listTasks.bind(tasks), { ...everything, queue: "a b" })).toMatch(rule);
  expect(await refused(queues.getQueue.bind(queues), { name: "a b" })).toMatch(rule);
  const selection = { ids: [], type: "", queue: "a b", limit: 0 };
  expect(await refused(tasks.dropDeadLetters.bind(tasks), { selection })).toMatch(rule);
  expect((await mesh.http.call("GET", "/queues/a%20b")).status).toBe(422);
});

test("leadership is not handed to who cannot lead, and the answer says why", async () => {
  const leader = await mesh.leader();
  const transfer = async (to: string) => {
    const { status, body } = await mesh.http.call<ProblemView>("POST", "/cluster/transfer", { to });
    return [status, body.detail];
  };

  expect(await transfer("nobody")).toEqual([
    422,
    'to: "nobody" is no voter: name one of those that GetCluster shows',
  ]);
  expect(await transfer(leader)).toEqual([422, `to: ${leader} leads already: name another voter`]);
});

test("a type that no node handles is refused with those that there are", async () => {
  const { status, body } = await mesh.http.call<ProblemView>("POST", "/tasks", { type: "proces" });

  expect(status).toBe(422);
  expect(body.detail).toMatch(/^no live node handles type "proces": there are .*\bprocess\b/);
});
