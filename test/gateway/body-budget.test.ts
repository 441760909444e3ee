// Bodies that would be too much together: they wait unread, and are refused in the end.
import { once } from "node:events";
import { connect } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { boundBodies } from "../../src/gateway/body-budget.js";
import { HttpProblem } from "../../src/gateway/problem.js";

const KIB = 1024;
const BODY = "x".repeat(60 * KIB);

let app: FastifyInstance;
let url: URL;
let read: string[];
let answer: () => void;
let answered: Promise<void>;

async function serve(maxBytes: number, waitMs = 60_000): Promise<void> {
  app = fastify({ bodyLimit: 100 * KIB, forceCloseConnections: true });
  app.setErrorHandler((error, _request, reply) => {
    void reply.code(error instanceof HttpProblem ? error.status : 500).send();
  });
  boundBodies(app, { maxBytes, waitMs });
  app.get("/ping", () => "pong");
  app.post<{ Params: { name: string } }>("/:name", async ({ params }) => {
    read.push(params.name);
    await answered;
    return "done";
  });
  url = new URL(await app.listen({ host: "127.0.0.1", port: 0 }));
}

async function post(name: string): Promise<number> {
  const headers = { "content-type": "text/plain" };
  const { status } = await fetch(new URL(name, url), { method: "POST", body: BODY, headers });
  return status;
}

beforeEach(() => {
  read = [];
  answered = new Promise((resolve) => (answer = resolve));
});
afterEach(async () => {
  answer();
  await app.close();
});

describe("the bodies of a gateway", () => {
  test("wait while others take all there is, and calls without one do not", async () => {
    await serve(100 * KIB);
    const first = post("first");
    await vi.waitFor(() => expect(read).toEqual(["first"]));
    const second = post("second");
    expect((await fetch(new URL("ping", url))).status).toBe(200);
    expect(read).toEqual(["first"]);
    answer();
    expect(await Promise.all([first, second])).toEqual([200, 200]);
    expect(read).toEqual(["first", "second"]);
  });

  test("are refused when they have waited too long", async () => {
    await serve(100 * KIB, 50);
    const first = post("first");
    await vi.waitFor(() => expect(read).toEqual(["first"]));
    expect(await post("second")).toBe(503);
    answer();
    expect(await first).toBe(200);
    expect(read).toEqual(["first"]);
  });

  test("hold nothing of a client that left before it had sent one", async () => {
    await serve(100 * KIB);
    answer();
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, "connect");
    socket.write(`POST /half HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY.length}\r\n\r\n`);
    socket.destroy();
    expect(await post("whole")).toBe(200);
  });

  test("that are larger than all together may be are taken alone", async () => {
    await serve(10 * KIB);
    answer();
    expect(await Promise.all([post("one"), post("other")])).toEqual([200, 200]);
  });
});
