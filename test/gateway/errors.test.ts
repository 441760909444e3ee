// Every error is a problem with a stable code, and nothing refused reaches a node.
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeMesh } from "./fake-mesh.js";
import { problem } from "./fake-answers.js";

const UNKNOWN_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

let mesh: FakeMesh;
beforeAll(async () => {
  mesh = await FakeMesh.start({ limits: { bodyBytes: 2_048 } });
});
afterAll(() => mesh.close());
beforeEach(() => mesh.tasks.clear());

async function call(
  method: "GET" | "POST" | "PUT" | "DELETE",
  url: string,
  payload?: string,
  type = "application/json",
) {
  const response = await mesh.app.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload, headers: { "content-type": type } }),
  });
  expect(response.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  const body = response.json<Record<string, unknown>>();
  expect(body).toMatchObject({ status: response.statusCode, instance: url.split("?")[0] });
  expect(body["type"]).toBe(`urn:taskmesh:problem:${String(body["code"])}`);
  expect(mesh.tasks.size).toBe(0);
  return { body, headers: response.headers, is: [response.statusCode, body["code"]] };
}

const submit = (task: unknown) => call("POST", "/tasks", JSON.stringify(task));

describe("a body", () => {
  it.each(["{", "", '{"type":"process"', "{'type':'process'}", '{"type":"process"} x'])(
    "that is malformed JSON is answered 400: %s",
    async (payload) => {
      expect((await call("POST", "/tasks", payload)).is).toEqual([400, "malformed_json"]);
    },
  );

  it("nested without end is answered 400", async () => {
    const payload = `{"type":"process","data":${"[".repeat(500)}${"]".repeat(500)}}`;

    expect((await call("POST", "/tasks", payload)).is).toEqual([400, "malformed_json"]);
  });

  it("over the limit is answered 413", async () => {
    expect((await submit({ type: "process", data: "x".repeat(3_000) })).is).toEqual([
      413,
      "body_too_large",
    ]);
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/x-ndjson"])(
    "of another type is answered 415: %s",
    async (type) => {
      expect((await call("POST", "/tasks", "x", type)).is).toEqual([415, "unsupported_media_type"]);
    },
  );
});

describe("a body that is not what it says", () => {
  const send = async (payload: Buffer | string, headers: Record<string, string>) => {
    const all = { "content-type": "application/json", ...headers };
    const response = await mesh.app.inject({
      method: "POST",
      url: "/tasks",
      payload,
      headers: all,
    });
    expect(mesh.tasks.size).toBe(0);
    return [response.statusCode, response.json<Record<string, unknown>>()["code"]];
  };
  const task = '{"type":"process"}';

  it("is refused where it is compressed", async () => {
    expect(await send(gzipSync(task), { "content-encoding": "gzip" })).toEqual([
      415,
      "unsupported_media_type",
    ]);
  });

  it("is refused in another character set, and not read as another text", async () => {
    expect(await send(task, { "content-type": "application/json; charset=latin1" })).toEqual([
      415,
      "unsupported_media_type",
    ]);
    const latin = Buffer.from('{"type":"process","data":"\u00fc"}', "latin1");
    expect(await send(latin, {})).toEqual([400, "malformed_json"]);
  });

  it.each(["1e999", "[-1e999]"])("is refused with a number that would be null: %s", async (n) => {
    expect(await send(`{"type":"process","data":${n}}`, {})).toEqual([400, "malformed_json"]);
  });
});

describe("the message of a field", () => {
  it.each([
    [{}, "type: is missing: give a string"],
    [{ type: "" }, "type: must not be empty"],
    [{ type: 7 }, "type: must be a string"],
    [[], "the body: must be a JSON object"],
    [
      { type: "process", priority: -1 },
      'priority: must be "high", "normal", "low" or an integer from 0 to 9',
    ],
    [{ type: "process", maxAttempts: 1.5 }, "maxAttempts: must be a whole number"],
    [{ type: "process", maxAttempts: 1e99 }, "maxAttempts: must be at most 1000"],
    [{ type: "process", requires: "gpu" }, "requires: must be an array"],
    [
      { type: "process", backoff: { base: 2 } },
      "backoff.base: is not known: there are type, delayMs, maxMs, jitter",
    ],
    [
      { type: "process", backoff: { type: "x" } },
      "backoff.type: must be one of exponential, fixed",
    ],
  ])("says what is to be given: %j", async (task, detail) => {
    expect((await submit(task)).body["detail"]).toBe(detail);
  });

  it.each([
    ["/tasks?limit=0", "limit: must be a whole number from 1 to 1000"],
    ["/tasks?status=lost", /^status: must be one of scheduled, pending, /],
    ["/tasks?colour=red", "colour: is not known: there are status, type, queue, limit, cursor"],
  ])("says so of a query, too: %s", async (url, detail) => {
    expect((await call("GET", url)).body["detail"]).toEqual(
      typeof detail === "string" ? detail : expect.stringMatching(detail),
    );
  });
});

describe("what a call does not take", () => {
  it.each([
    ["GET", "/workers?limit=1", undefined, "limit"],
    ["GET", `/tasks/${UNKNOWN_ID}/why?depth=1`, undefined, "depth"],
    ["DELETE", `/tasks/${UNKNOWN_ID}?force=true`, undefined, "force"],
    ["POST", "/queues/mail/pause", '{"forMs":1}', "forMs"],
    ["PUT", "/queues/mail?weight=2", "{}", "weight"],
    ["POST", "/tasks?queue=mail", '{"type":"process"}', "queue"],
  ] as const)(
    "is refused by its name and not passed over: %s %s",
    async (method, url, body, field) => {
      const answer = await call(method, url, body);

      expect(answer.is).toEqual([422, "invalid_field"]);
      expect(answer.body["field"]).toBe(field);
    },
  );
});

describe("what is no request", () => {
  const ask = async (text: string): Promise<string> => {
    const { hostname, port } = new URL(await mesh.listen());
    const socket = connect(Number(port), hostname);
    socket.end(text);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  };

  it.each([
    ["an unknown method", "FOO /tasks HTTP/1.1\r\nhost: x\r\n\r\n", "400 Bad Request"],
    ["another protocol", "nonsense\r\n\r\n", "400 Bad Request"],
    ["a long header", `GET /tasks HTTP/1.1\r\nhost: x\r\nx: ${"x".repeat(20_000)}\r\n\r\n`, "431 "],
  ])("is answered with a problem, too: %s", async (_what, text, status) => {
    const answer = await ask(text);

    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(answer.toLowerCase()).toContain("content-type: application/problem+json");
    expect(answer).toContain('"code":"malformed_request"');
  });
});

describe("a field", () => {
  it.each([
    ["type", {}],
    ["type", { type: "" }],
    ["type", { type: 5 }],
    ["type", { type: "x".repeat(129) }],
    ["prio", { prio: 1 }],
    ["__proto__", JSON.parse('{"__proto__":{"type":"process"}}')],
    ["priority", { priority: 10 }],
    ["priority", { priority: "urgent" }],
    ["priority", { priority: 1.5 }],
    ["delayMs", { delayMs: -1 }],
    ["runAt", { runAt: "tomorrow" }],
    ["runAt", { delayMs: 5, runAt: "2030-01-01T00:00:00Z" }],
    ["maxAttempts", { maxAttempts: 0 }],
    ["backoff.type", { backoff: { type: "linear" } }],
    ["backoff.base", { backoff: { base: 2 } }],
    ["backoff.jitter", { backoff: { jitter: 2 } }],
    ["timeoutMs", { timeoutMs: "5s" }],
    ["requires.1", { requires: ["gpu", ""] }],
    ["queue", { queue: "a/b" }],
    ["idempotencyKey", { idempotencyKey: "" }],
  ])("%s that is invalid or unknown is answered 422 naming it: %j", async (field, change) => {
    const task: unknown =
      field === "type" || field === "__proto__" ? change : { type: "process", ...change };

    const { is, body } = await submit(task);

    expect(is).toEqual([422, "invalid_field"]);
    const errors = body["errors"] as { field: string }[];
    expect(errors.map((error) => error.field)).toContain(field);
  });

  it("is listed with the others where several are wrong", async () => {
    const { body } = await submit({ type: "", priority: 99, unknown: 1 });

    const errors = body["errors"] as { field: string; message: string }[];
    expect(errors.map(({ field }) => field).sort()).toEqual(["priority", "type", "unknown"]);
    expect(body["field"]).toBe(errors[0]?.field);
  });

  it.each([
    ["/tasks?status=lost", "status"],
    ["/tasks?limit=0", "limit"],
    ["/tasks?limit=1001", "limit"],
    ["/tasks?limit=ten", "limit"],
    ["/tasks?colour=red", "colour"],
    [`/tasks/${UNKNOWN_ID}?wait=soon`, "wait"],
    [`/tasks/${UNKNOWN_ID}?wait=2h`, "wait"],
    [`/tasks/${UNKNOWN_ID}?wait=61s`, "wait"],
    [`/tasks/${UNKNOWN_ID}?consistency=maybe`, "consistency"],
    [`/tasks/${UNKNOWN_ID}?minIndex=-1`, "minIndex"],
  ])("of a query is answered 422: %s", async (url, field) => {
    const { is, body } = await call("GET", url);

    expect(is).toEqual([422, "invalid_field"]);
    expect(body["field"]).toBe(field);
  });
});

describe("what is not there", () => {
  it.each(["GET /nothing", "GET /tasks/a/b", "POST /cluster/nothing"])(
    "%s is answered 404",
    async (line) => {
      const [method, url] = line.split(" ") as ["GET" | "POST", string];

      expect((await call(method, url)).is).toEqual([404, "unknown_route"]);
    },
  );

  it.each([`/tasks/${UNKNOWN_ID}`, "/tasks/abc", "/tasks/..%2f..%2fetc"])(
    "the task %s is answered 404",
    async (url) => {
      expect((await call("GET", url)).is).toEqual([404, "not_found"]);
      expect((await call("DELETE", url)).is).toEqual([404, "not_found"]);
      expect((await call("POST", `${url}/retry`)).is).toEqual([404, "not_found"]);
    },
  );

  it("a method is answered 405 with those that are", async () => {
    const { is, headers } = await call("PUT", `/tasks/${UNKNOWN_ID}`);

    expect(is).toEqual([405, "method_not_allowed"]);
    expect(headers.allow).toBe("DELETE, GET, HEAD");
  });

  it("a path that is no percent-encoding is answered 400", async () => {
    expect((await call("GET", "/tasks/%zz")).is).toEqual([400, "malformed_request"]);
  });
});

describe("a node's refusal", () => {
  it.each([
    ["unknown_type", 422, 0, undefined],
    ["overloaded", 503, 2_500, "3"],
    ["redis_unavailable", 503, 0, "1"],
    ["not_retryable", 409, 0, undefined],
  ])("%s is passed on as %i", async (code, status, retryAfterMs, retryAfter) => {
    mesh
      .node("n1")
      .refusalOfType.set("process", problem(code, status, { field: "type", retryAfterMs }));

    const { is, headers, body } = await submit({ type: "process" });

    expect(is).toEqual([status, code]);
    expect(body["field"]).toBe("type");
    expect(headers["retry-after"]).toBe(retryAfter);
    mesh.node("n1").refusalOfType.clear();
  });

  it("of a whole call is passed on", async () => {
    for (const node of mesh.nodes)
      node.refusal = problem("invalid_cursor", 422, { field: "cursor" });

    expect((await call("GET", "/tasks?cursor=x")).is).toEqual([422, "invalid_cursor"]);
    for (const node of mesh.nodes) node.refusal = undefined;
  });
});

it("an error that nobody foresaw is masked", async () => {
  for (const node of mesh.nodes)
    node.refusal = problem("internal", 500, { message: "masked by the node" });

  expect((await call("GET", "/tasks")).is).toEqual([500, "internal"]);
  for (const node of mesh.nodes) node.refusal = undefined;
});

it("a body that ends early leaves nothing behind", async () => {
  const url = new URL(await mesh.listen());
  await new Promise<void>((resolve) => {
    const request = httpRequest({
      host: url.hostname,
      port: url.port,
      path: "/tasks",
      method: "POST",
      headers: { "content-type": "application/json", "content-length": 100 },
    });
    request.on("error", () => undefined);
    request.on("close", resolve);
    request.write('{"type":"process"}', () => request.destroy());
  });

  expect((await mesh.app.inject("/health/live")).statusCode).toBe(200);
  expect(mesh.tasks.size).toBe(0);
});
