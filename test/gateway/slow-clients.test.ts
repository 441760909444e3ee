// Clients that send or read slowly, against the server as it is: they are ended, and others are served.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { FakeMesh, type FakeMeshOptions } from "./fake-mesh.js";

const MIB = 1_048_576;

let mesh: FakeMesh | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await mesh?.close();
  mesh = undefined;
});

async function listening(options: FakeMeshOptions): Promise<URL> {
  mesh = await FakeMesh.start(options);
  return new URL(await mesh.listen());
}

/** A connection that reads nothing of itself. */
async function connection(url: URL): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname);
  sockets.push(socket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

async function submit(url: URL): Promise<number> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ type: "process" });
  return (await fetch(new URL("/tasks", url), { method: "POST", body, headers })).status;
}

/** Asks for an answer of some megabytes, by a batch whose data comes back, and does not read it. */
async function batchUnread(url: URL): Promise<Socket> {
  const socket = await connection(url);
  const body = JSON.stringify(
    Array.from({ length: 24 }, () => ({ type: "process", data: "x".repeat(MIB / 2) })),
  );
  socket.write(
    `POST /tasks/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  socket.pause();
  return socket;
}

/** How a connection ends whose answer is read from now on: the bytes, and whether all came. */
async function rest(socket: Socket): Promise<{ readonly bytes: number; readonly whole: boolean }> {
  let text = "";
  socket.on("data", (data: Buffer) => (text += data.toString("latin1")));
  socket.resume();
  const announced = (): number => Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Infinity);
  const bytes = (): number => text.length - text.indexOf("\r\n\r\n") - 4;
  const ended = once(socket, "close").then(() => undefined);
  await Promise.race([ended, vi.waitFor(() => expect(bytes()).toBe(announced()), 20_000)]);
  return { bytes: bytes(), whole: bytes() === announced() };
}

test("a request that does not come in time is ended then, small as it is", async () => {
  const url = await listening({ bounds: { requestMs: 200 } });
  const socket = await connection(url);
  let heard = "";
  socket.on("data", (data: Buffer) => (heard += data.toString()));
  socket.write("POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
  socket.write("content-length: 100\r\n\r\n{");

  await once(socket, "close");

  expect(heard).toMatch(/^HTTP\/1.1 408 /);
  expect(await submit(url)).toBe(201);
});

test("a large answer is read whole by a client that takes its time", async () => {
  const url = await listening({});
  const socket = await batchUnread(url);
  await vi.waitFor(() => expect(mesh?.tasks.size).toBe(24), 10_000);

  const { bytes, whole } = await rest(socket);

  expect(whole).toBe(true);
  expect(bytes).toBeGreaterThan(12 * MIB);
});

test("a large answer of which nothing is taken is cut off", async () => {
  const url = await listening({ bounds: { stallMs: 200 } });
  const socket = await batchUnread(url);
  await vi.waitFor(async () => expect(await connections()).toBe(0), 10_000);

  expect((await rest(socket)).whole).toBe(false);
});

test("answers that are too much together give way to new ones, the eldest first", async () => {
  const url = await listening({ limits: { bodiesBytes: 20 * MIB }, bounds: { patienceMs: 0 } });
  const eldest = await batchUnread(url);
  await vi.waitFor(() => expect(mesh?.tasks.size).toBe(24), 10_000);
  const next = await batchUnread(url);
  await vi.waitFor(() => expect(mesh?.tasks.size).toBe(48), 10_000);

  expect((await rest(eldest)).whole).toBe(false);
  expect((await rest(next)).whole).toBe(true);
});

function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    mesh?.app.server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}
