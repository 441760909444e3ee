// The commands as a shell sees them: what they print, on which stream, and how they exit.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.js";
import { buildCli, cli, startCli } from "./built-cli.js";

const task = {
  id: "01TASK",
  type: "process",
  status: "completed",
  queue: "default",
  priority: 5,
  attempts: 1,
  maxAttempts: 3,
  workerId: "n2",
  createdAt: "2026-01-01T00:00:00.000Z",
  result: { output: "HELLO" },
  history: [],
};

const cutLink = {
  ...{ from: "n1", to: "n2", cut: true, delayMs: 0, jitterMs: 50, loss: 0.1 },
  ...{ healsInMs: 2_500, at: ["n1", "n2"] },
};
const reach = { at: ["n1"], unreachable: [{ id: "n2", reason: "no connection" }] };

const why = {
  id: "01WHY",
  status: "pending",
  reasons: [
    { code: "queue_paused", message: "its queue mail is paused" },
    { code: "tasks_ahead", message: "7 tasks come first", count: 7 },
  ],
  attempts: [
    {
      ...{ attempt: 1, workerId: "n2", fence: 41, term: 3 },
      placed: { code: "placement_unknown", message: "it is not known" },
      ended: { code: "lease_run_out", message: "n2 was lost", index: 57, term: 3 },
    },
    {
      ...{ attempt: 1, workerId: "n3", fence: 58, term: null },
      placed: { code: "only_candidate", message: "n3 was the only one" },
      ended: null,
    },
  ],
};

let server: Server;
let url: string;
const requests: { readonly line: string; readonly body: unknown }[] = [];

beforeAll(async () => {
  buildCli();
  server = createServer((request, response) => {
    if (request.url?.startsWith("/events") === true) {
      const after = request.headers["last-event-id"];
      requests.push({ line: `GET ${request.url}`, body: after });
      response.writeHead(200, { "content-type": "text/event-stream" });
      // One event, and the connection is gone.
      const data = {
        id: "01TASK",
        type: "process",
        status: after === undefined ? "pending" : "running",
      };
      const id = after === undefined ? "7-0" : "8-0";
      response.end(`id: ${id}\nevent: task\ndata: ${JSON.stringify(data)}\n\n`);
      return;
    }
    void answer(request).then(([status, body]) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}`;
}, 120_000);
afterAll(() => void server.close());

const queue = {
  ...{ name: "mail", paused: true, concurrency: 3, rate: null, weight: 2 },
  counts: { scheduled: 0, pending: 7, running: 0, completed: 1, dead: 0, cancelled: 0 },
};

async function answer(request: IncomingMessage): Promise<[number, unknown]> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const line = `${request.method ?? ""} ${request.url ?? ""}`;
  requests.push({ line, body: text === "" ? undefined : (JSON.parse(text) as unknown) });
  if (line === "POST /tasks") return [201, { ...task, status: "pending" }];
  if (line === "GET /tasks?status=completed&limit=5") return [200, { tasks: [task, task] }];
  if (line.startsWith("GET /tasks/01TASK")) return [200, task];
  if (line === "GET /tasks/01WHY/why") return [200, why];
  if (line.startsWith("GET /queues")) return [200, { queues: [queue], nextCursor: null }];
  if (line.includes("/queues/mail")) return [200, queue];
  if (line.endsWith("/schedules/nightly")) return [201, { name: "nightly", fired: 0 }];
  if (line === "GET /chaos/links") return [200, { links: [cutLink], unreachable: [] }];
  if (line.includes("/chaos/links")) return [200, reach];
  if (line === "GET /health") return [503, { status: "unhealthy", reasons: ["no leader"] }];
  if (line === "POST /workers/n2/drain") return [200, { id: "n2", state: "draining", running: 3 }];
  if (line === "POST /workers/n3/drain") return [200, { id: "n3", state: "drained", running: 0 }];
  if (line === "GET /workers") return [503, { title: "no leader", code: "no_leader" }];
  return [404, { title: "Not found", detail: "there is no such task", code: "not_found" }];
}

describe("client commands", () => {
  test("why shows each reason in a line, and of each attempt why there and how it ended", async () => {
    const text = await cli(["why", "01WHY", "--url", url]);
    expect(text.stdout).toBe(`01WHY is pending
  queue_paused: its queue mail is paused
  tasks_ahead: 7 tasks come first

attempt 1 on n2 (entry 41 of term 3)
  placement_unknown: it is not known
  lease_run_out: n2 was lost (entry 57 of term 3)

attempt 1 on n3 (entry 58)
  only_candidate: n3 was the only one
`);

    const json = await cli(["why", "01WHY", "--json", "--url", url]);
    expect([json.code, JSON.parse(json.stdout)]).toEqual([0, why]);
    expect((await cli(["why", "01NONE", "--url", url])).code).toBe(1);
  });

  test("events shows each change in a line, and goes on behind the last one", async () => {
    const child = startCli(["events", "--queue", "mail", "--url", url]);
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    try {
      await waitFor("two changes are shown", () => text.split("\n").length > 2);
    } finally {
      child.kill("SIGKILL");
    }

    expect(text).toMatch(/01TASK +pending +process\n.*01TASK +running +process\n/);
    const asked = requests.filter(({ line }) => line === "GET /events?queue=mail");
    expect(asked.slice(0, 2).map(({ body }) => body)).toEqual([undefined, "7-0"]);
  });

  test("schedule puts what its options say, shows it without them, and deletes it", async () => {
    const put = await cli([
      ...["schedule", "nightly", "--cron", "30 2 * * *", "--type", "process", "--data", "{}"],
      ...["--skip-missed", "--json", "--url", url],
    ]);
    expect([put.code, JSON.parse(put.stdout)]).toEqual([0, { name: "nightly", fired: 0 }]);
    expect(requests.at(-1)).toEqual({
      line: "PUT /schedules/nightly",
      body: { cron: "30 2 * * *", task: { type: "process", data: {} }, misfire: "skip" },
    });

    expect((await cli(["schedule", "nightly", "--url", url])).stdout).toMatch(/name +nightly/);
    await cli(["schedule", "nightly", "--delete", "--url", url]);
    expect(requests.map(({ line }) => line).slice(-2)).toEqual([
      "GET /schedules/nightly",
      "DELETE /schedules/nightly",
    ]);
  });

  test.each([
    [["cut", "n1", "n2", "--for", "10s"], { both: true, cut: true, forMs: 10_000 }],
    [["cut", "n1", "n2", "--one-way"], { both: false, cut: true }],
    [
      ["delay", "n1", "n2", "200ms", "--jitter", "50ms"],
      { both: true, delayMs: 200, jitterMs: 50 },
    ],
    [["drop", "n1", "n2", "10%"], { both: true, loss: 0.1 }],
  ])("chaos %j says where it is in force, and who could not be told", async (args, body) => {
    const { code, stdout, stderr } = await cli(["chaos", ...args, "--url", url]);

    expect(requests.at(-1)).toEqual({
      line: "PUT /chaos/links",
      body: { from: "n1", to: "n2", ...body },
    });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^n1 <?-> n2: .* in force at n1\n$/)]);
    expect(stderr).toBe("n2 could not be told: no connection\n");
  });

  test("chaos list shows what is wrong with links, and heal ends it for one or all", async () => {
    const { stdout } = await cli(["chaos", "list", "--url", url]);
    expect(stdout).toBe(
      "FROM  TO  WHAT                                  HEALS     AT\n" +
        "n1    n2  cut, up to 50 ms of jitter, 10% lost  in 2.5 s  n1, n2\n",
    );

    await cli(["chaos", "heal", "n1", "n2", "--url", url]);
    const all = await cli(["chaos", "heal", "--json", "--url", url]);
    expect(requests.map(({ line }) => line).slice(-2)).toEqual([
      "DELETE /chaos/links?from=n1&to=n2&both=true",
      "DELETE /chaos/links",
    ]);
    expect(JSON.parse(all.stdout)).toEqual(reach);
  });

  test.each([
    [["--delete", "--cron", "* * * * *"], "--delete takes nothing beside it"],
    [["--paused"], "give --cron and --type"],
    [["--cron", "* * * * *"], "give --cron and --type"],
  ])("schedule %j is refused and does nothing by halves", async (options, said) => {
    const before = requests.length;

    const { code, stderr } = await cli(["schedule", "nightly", ...options, "--url", url]);

    expect(code).toBe(2);
    expect(stderr).toContain(said);
    expect(requests).toHaveLength(before);
  });

  test("queue sets what its options say, pauses and resumes, and queues lists all", async () => {
    const set = await cli([
      ...["queue", "set", "mail", "--concurrency", "3", "--rate", "10/1s", "--burst", "2"],
      ...["--json", "--url", url],
    ]);
    expect([set.code, JSON.parse(set.stdout)]).toEqual([0, queue]);
    expect(requests.at(-1)).toEqual({
      line: "PUT /queues/mail",
      body: { concurrency: 3, rate: { count: 10, perMs: 1_000, burst: 2 } },
    });

    for (const action of ["pause", "resume"]) {
      await cli(["queue", action, "mail", "--url", url]);
      expect(requests.at(-1)?.line).toBe(`POST /queues/mail/${action}`);
    }
    expect((await cli(["queues", "--url", url])).stdout).toMatch(/mail +paused +0 +7 +0 +1/);
    for (const wrong of [
      ["--burst", "2"],
      ["--rate", "ten/s"],
    ]) {
      const { code, stderr } = await cli(["queue", "set", "mail", ...wrong, "--url", url]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/--rate/)]);
    }
  });

  test("drain says what becomes of the node, and with --wait when it can be ended", async () => {
    const begun = await cli(["drain", "n2", "--url", url]);
    expect([begun.code, begun.stdout]).toEqual([0, expect.stringMatching(/n2 .*draining +3/)]);

    const done = await cli(["drain", "n3", "--wait", "10s", "--url", url]);
    expect([done.code, done.stdout]).toEqual([
      0,
      expect.stringMatching(/n3 is drained: its process can be ended\n/),
    ]);

    const unknown = await cli(["drain", "n9", "--url", url]);
    expect(unknown).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not_found/) as string,
    });
  });

  test("submit sends what its options say, and takes text for data that is no JSON", async () => {
    const { code, stdout } = await cli([
      ...["submit", "process", "Hello World", "--url", url, "--priority", "9"],
      ...["--delay", "1.5s", "--requires", "gpu,eu", "--json"],
    ]);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id: "01TASK" });
    expect(requests.at(-1)?.body).toEqual({
      type: "process",
      data: "Hello World",
      priority: 9,
      delayMs: 1_500,
      requires: ["gpu", "eu"],
    });
  });

  test("submit --wait shows the task when it has ended", async () => {
    const { code, stdout } = await cli(["submit", "process", '{"a":1}', "--wait", "--url", url]);

    expect(code).toBe(0);
    expect(stdout).toContain('result       {"output":"HELLO"}');
    expect(requests.at(-1)?.line).toMatch(/^GET \/tasks\/01TASK\?wait=\d+ms$/);
  });

  test("tasks lists them in aligned columns, without colours in a pipe", async () => {
    const { stdout } = await cli(["tasks", "--status", "completed", "--limit", "5", "--url", url]);

    expect(stdout.split("\n").slice(0, 2)).toEqual([
      "ID      TYPE     STATUS     QUEUE    PRIORITY  ATTEMPTS  WORKER  CREATED",
      "01TASK  process  completed  default  5         1/3       n2      2026-01-01T00:00:00.000Z",
    ]);
  });

  test("an unhealthy mesh is shown, and told by the exit code", async () => {
    const { code, stdout, stderr } = await cli(["status", "--url", url]);

    expect(stdout).toBe("status   unhealthy\nreasons  no leader\n");
    expect(stderr).toBe("taskmesh: the mesh is unhealthy\n");
    expect(code).toBe(1);
  });

  test("a refusal is one line with its code", async () => {
    const { code, stderr } = await cli(["task", "none", "--url", url]);

    expect(code).toBe(1);
    expect(stderr).toBe("taskmesh: Not found: there is no such task [not_found] (404)\n");
  });

  test("a gateway that is not there is one line with what to do", async () => {
    const { code, stderr } = await cli(["workers", "--url", "http://127.0.0.1:1"]);

    expect(code).toBe(1);
    expect(stderr).toMatch(/^taskmesh: no gateway answers at http:\/\/127\.0\.0\.1:1 .*\n$/);
  });
});

describe("mistakes on the command line", () => {
  test.each([
    [["tasks", "--limt", "5"], "unknown option '--limt' (Did you mean --limit?)"],
    [["task"], "missing required argument 'id'"],
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["tasks", "--limit", "many"], "--limit many: give an integer from 1 to 1000"],
    [["submit", "process", "--delay", "soon"], "--delay soon: give a time such as"],
    [["submit", "process", "--run-at", "noon"], "--run-at noon: it must be an ISO 8601 time"],
    [["chaos", "cut", "n1"], "missing required argument 'b'"],
    [["chaos", "drop", "n1", "n2", "some"], "<share> some: give a share such as 10% or 0.1"],
    [["chaos", "heal", "n1"], "give both ends of the link, or none for all links"],
    [["node", "--id", "n9", "--port", "0"], "--port 0: give an integer from 1 to 65535"],
  ])("%j gets one line and exit code 2", async (args, line) => {
    const { code, stdout, stderr } = await cli(args);

    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(`taskmesh: ${line}`);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  test("every command explains itself", async () => {
    const { stdout } = await cli(["--help"]);
    const names = [...stdout.matchAll(/^ {2}([a-z]+) (?=.*\S)/gm)].map((match) => match[1] ?? "");
    expect(names).toEqual(expect.arrayContaining(["up", "node", "gateway", "submit", "status"]));

    const helps = await Promise.all(names.map((name) => cli([name, "--help"])));

    for (const help of helps) expect(help).toMatchObject({ code: 0, stderr: "" });
  });

  test("a bad setting is told by its name before anything is started", async () => {
    const { code, stderr } = await cli(["up"], { TASKMESH_NODES: "0" });

    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^taskmesh: TASKMESH_NODES = 0: is under 1; give an integer from 1 to 50 \(.*\)\n$/,
    );
  });

  test("a Redis that does not answer is named without its password", async () => {
    const env = { REDIS_URL: "redis://user:secret@127.0.0.1:1", TASKMESH_GATEWAY_PORT: "0" };
    const bad = await cli(["up"], env);
    expect(bad.stderr).toContain("TASKMESH_GATEWAY_PORT = 0");

    const { code, stderr } = await cli(["up"], {
      ...env,
      TASKMESH_GATEWAY_PORT: "25917",
      TASKMESH_GRPC_PORT: "25918",
    });

    expect(code).toBe(1);
    expect(stderr).toContain(
      "Redis at redis://user:***@127.0.0.1:1 does not answer (ECONNREFUSED)",
    );
    expect(stderr).not.toContain("secret");
  });
});
