// Text that is not well formed is refused wherever it comes in over HTTP, and well-formed text is kept
// as it was meant: two keys that differ stay two.
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeMesh } from "./fake-mesh.js";

let mesh: FakeMesh;
beforeAll(async () => {
  mesh = await FakeMesh.start();
});
afterAll(() => mesh.close());
beforeEach(() => mesh.tasks.clear());

/** Sends the bytes as they are, and every header as often as it is given. */
async function send(
  method: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string | string[]>> = {},
) {
  const { hostname, port } = new URL(await mesh.listen());
  return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const all = { "content-type": "application/json", ...headers };
    const request = httpRequest({ host: hostname, port, path, method, headers: all }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const status = answer.statusCode ?? 0;
        resolve({ status, body: JSON.parse(text) as Record<string, unknown> });
      });
    });
    request.on("error", reject);
    // As bytes: Node would write the headers in the encoding of a text that goes with them.
    request.end(Buffer.from(body));
  });
}

const submitWithKey = (key: string | string[]) =>
  send("POST", "/tasks", '{"type":"process"}', { "idempotency-key": key });

/** How a client puts UTF-8 into a header: one character for each byte. */
const asHeader = (text: string): string => Buffer.from(text).toString("latin1");

describe("half of a surrogate pair", () => {
  it.each([
    ["idempotencyKey", '{"type":"process","idempotencyKey":"x\\ud800"}'],
    ["uniqueKey", '{"type":"process","uniqueKey":"x\\ud801"}'],
    ["type", '{"type":"\\udfff"}'],
    ["requires.1", '{"type":"process","requires":["a","\\ud800"]}'],
    ["data.a.0", '{"type":"process","data":{"a":["\\ud800"]}}'],
    ["data.\uFFFD", '{"type":"process","data":{"\\ud800":1}}'],
  ])("is answered 422 naming %s", async (field, task) => {
    const { status, body } = await send("POST", "/tasks", task);

    expect([status, body["code"], body["field"]]).toEqual([422, "invalid_field", field]);
    expect(mesh.tasks.size).toBe(0);
  });

  it("is answered 422 in a schedule", async () => {
    const schedule = '{"cron":"* * * * *","task":{"type":"process","data":"\\ud800"}}';

    const { status, body } = await send("PUT", "/schedules/s", schedule);

    expect([status, body["field"]]).toEqual([422, "task.data"]);
  });

  it("refuses its item of a batch alone", async () => {
    const { body } = await send(
      "POST",
      "/tasks/batch",
      '[{"type":"process"},{"type":"process","data":"\\ud800"}]',
    );

    expect(body["results"]).toMatchObject([
      { task: { type: "process" } },
      { error: { status: 422, field: "data" } },
    ]);
    expect(mesh.tasks.size).toBe(1);
  });
});

describe("JSON that would come back as something else", () => {
  it.each([
    ["1e999", "data.n is a number beyond"],
    ["9007199254740993", "data.n is an integer of which readers"],
    ['{"a":1,"a":2}', "data.n.a stands twice"],
  ])("is answered 400: %s", async (json, said) => {
    const { status, body } = await send(
      "POST",
      "/tasks",
      `{"type":"process","data":{"n":${json}}}`,
    );

    expect([status, body["code"]]).toEqual([400, "malformed_json"]);
    expect(body["detail"]).toContain(said);
  });
});

describe("a control character", () => {
  it.each([
    ["type", '{"type":"a\\u001b[2J"}'],
    ["idempotencyKey", '{"type":"process","idempotencyKey":"a\\u0000"}'],
    ["uniqueKey", '{"type":"process","uniqueKey":"a\\n"}'],
    ["requires.0", '{"type":"process","requires":["\\u0085"]}'],
  ])("in a name or a key is answered 422: %s", async (field, task) => {
    const { status, body } = await send("POST", "/tasks", task);

    expect([status, body["field"]]).toEqual([422, field]);
  });

  it("is kept in data", async () => {
    const { status, body } = await send(
      "POST",
      "/tasks",
      '{"type":"process","data":"a\\u0000\\n"}',
    );

    expect([status, body["data"]]).toEqual([201, "a\u0000\n"]);
  });
});

describe("the header Idempotency-Key", () => {
  it("is read as UTF-8, and so is the same key as in a body", async () => {
    const { body } = await submitWithKey(asHeader("clé"));
    const again = await send("POST", "/tasks", '{"type":"process","idempotencyKey":"clé"}');

    expect(body["idempotencyKey"]).toBe("clé");
    expect([again.status, again.body["id"]]).toEqual([200, body["id"]]);
  });

  it.each([
    ["in another encoding", "cl\u00e9", /UTF-8/],
    ["given twice", ["a1", "b1"], /more than once/],
    ["with a control character", asHeader("a\u0085"), /control/],
  ])("is answered 422 %s", async (_what, key, said) => {
    const { status, body } = await submitWithKey(key);

    expect([status, body["field"]]).toEqual([422, "Idempotency-Key"]);
    expect(body["detail"]).toMatch(said);
    expect(mesh.tasks.size).toBe(0);
  });
});

describe("a query", () => {
  it.each([
    ["/tasks?type=%ff", "type"],
    ["/tasks?queue=a&type=%ed%a0%80", "type"],
    ["/tasks?type=a%", "type"],
    ["/tasks?%ff=1", "%ff"],
    ["/dead-letters?type=%c3", "type"],
    ["/tasks?type=a%00", "type"],
  ])("that is no UTF-8, or has a control character, is answered 422: %s", async (path, field) => {
    const { status, body } = await send("GET", path, "");

    expect([status, body["code"], body["field"]]).toEqual([422, "invalid_field", field]);
  });

  it("in UTF-8 is taken", async () => {
    expect((await send("GET", "/tasks?type=%c3%a9", "")).status).toBe(200);
  });
});

it("a path that is no UTF-8 is answered 400", async () => {
  expect((await send("POST", "/workers/%ff/drain", "")).status).toBe(400);
});
