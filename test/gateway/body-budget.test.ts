// Bodies that would be too much together: they wait unread, and are refused in the end.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
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

/** So slow that no test waits for it. */
const PATIENT = { patientBytes: KIB, leastBytes: KIB, lookMs: 60_000 };

async function serve(maxBytes: number, waitMs = 60_000, pace = PATIENT): Promise<void> {
  app = fastify({ bodyLimit: 100 * KIB, forceCloseConnections: true });
  app.setErrorHandler((error, _request, reply) => {
    void reply.code(error instanceof HttpProblem ? error.status : 500).send();
  });
  boundBodies(app, { maxBytes, waitMs, ...pace });
  app.get("/ping", () => "pong");
  app.post<{ Params: { name: string } }>("/:name", async ({ params }) => {
    read.push(params.name);
    await answered;
    return "done";
  });
  url = new URL(await app.listen({ host: "127.0.0.1", port: 0 }));
}

async function post(name: string, body = BODY): Promise<number> {
  const headers = { "content-type": "text/plain" };
  const { status } = await fetch(new URL(name, url), { method: "POST", body, headers });
  return status;
}

/** A body that is announced, and of which so much is sent for now. */
async function upload(name: string, sentBytes: number, length = BODY.length) {
  const socket = connect(Number(url.port), url.hostname);
  sockets.push(socket);
  socket.on("error", () => undefined);
  let heard = "";
  socket.on("data", (data: Buffer) => (heard += data.toString()));
  await once(socket, "connect");
  socket.write(
    `POST /${name} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: ${length}\r\n\r\n`,
  );
  socket.write("x".repeat(sentBytes));
  return {
    sendRest: () => socket.write("x".repeat(length - sentBytes)),
    status: () =>
      vi
        .waitFor(() => expect(heard).toMatch(/^HTTP/), 10_000)
        .then(() => Number(heard.slice(9, 12))),
  };
}

const sockets: Socket[] = [];
beforeEach(() => {
  read = [];
  answered = new Promise((resolve) => (answer = resolve));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
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

describe("bodies that come slowly", () => {
  test("keep no other waiting for what they have only announced", async () => {
    await serve(100 * KIB);
    answer();
    for (const name of ["slow", "slower", "slowest"]) await upload(name, 5 * KIB);

    expect(await post("fast")).toBe(200);
    expect(read).toEqual(["fast"]);
  });

  test("do not wait for one another, although none has room to come whole", async () => {
    await serve(100 * KIB);
    answer();
    const uploads = [];
    for (const name of ["a", "b", "c", "d"]) uploads.push(await upload(name, 40 * KIB));

    for (const one of uploads) one.sendRest();

    expect(await Promise.all(uploads.map((one) => one.status()))).toEqual([200, 200, 200, 200]);
  });

  test("keep no small one waiting, even where they take all the room there is", async () => {
    await serve(100 * KIB);
    const large = post("large");
    await vi.waitFor(() => expect(read).toEqual(["large"]));
    await upload("waits", 50 * KIB);

    const small = post("small", "x");
    await vi.waitFor(() => expect(read).toEqual(["large", "small"]));

    answer();
    expect(await Promise.all([large, small])).toEqual([200, 200]);
  });

  test("are ended where they hold room and do not come on, and give it back", async () => {
    await serve(100 * KIB, 60_000, { patientBytes: 10 * KIB, leastBytes: KIB, lookMs: 50 });
    const slow = await upload("slow", 50 * KIB);
    const patient = await upload("patient", 5 * KIB);

    expect(await slow.status()).toBe(408);

    answer();
    expect(await Promise.all([post("one"), post("other")])).toEqual([200, 200]);
    patient.sendRest();
    expect(await patient.status()).toBe(200);
  });

  test("give back what they hold where they are larger than is taken", async () => {
    await serve(100 * KIB);
    answer();
    const chunked = (bytes: number) =>
      new ReadableStream({
        pull: (controller) => {
          controller.enqueue(Buffer.alloc(bytes / 2));
          if ((bytes -= bytes / 2) < KIB) controller.close();
        },
      });
    for (let n = 0; n < 5; n += 1) {
      const headers = { "content-type": "text/plain" };
      const init = { method: "POST", body: chunked(180 * KIB), headers, duplex: "half" } as const;
      const sent = await fetch(new URL("large", url), init).catch(() => undefined);
      expect(sent?.status).not.toBe(200);
    }
    expect(await Promise.all([post("one"), post("other")])).toEqual([200, 200]);
  });
});
