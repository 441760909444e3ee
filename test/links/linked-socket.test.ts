// A TCP connection whose link is cut, slow or lossy behaves as in a network that is.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noImpairment } from "../../src/links/link-rule.js";
import { LinkTable } from "../../src/links/link-table.js";
import { LinkedSocket, type LinkEnds } from "../../src/links/linked-socket.js";
import { waitFor } from "../support/wait-for.js";

let server: Server;
let accepted: Socket[];
let heard: string;
let table: LinkTable;
let ends: LinkEnds;
let opened: LinkedSocket[];

beforeEach(async () => {
  accepted = [];
  heard = "";
  opened = [];
  table = new LinkTable(7);
  ends = {
    outbound: table.direction("a", "b"),
    inbound: table.direction("b", "a"),
    retransmits: true,
  };
  server = createServer((socket) => {
    accepted.push(socket);
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  table.heal();
  for (const socket of opened) socket.destroy();
  for (const socket of accepted) socket.destroy();
  server.close();
});

function dial(): LinkedSocket {
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const socket = LinkedSocket.dial(() => connect(port, "127.0.0.1"), ends);
  socket.on("error", () => undefined);
  opened.push(socket);
  return socket;
}

/** A connection that stands, and what has come back on it. */
async function connection(): Promise<{ socket: LinkedSocket; received: () => string }> {
  const socket = dial();
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "connect");
  await waitFor("it is accepted", () => accepted.length > 0);
  return { socket, received: () => text };
}
const cut = (from: string, to: string): void => table.set({ ...noImpairment(from, to), cut: true });
/** Whatever passes at all over loopback has passed by then. */
async function roundTrip(): Promise<void> {
  const probe = createServer((socket) => socket.end("x")).listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  for (let turn = 0; turn < 5; turn += 1) {
    const socket = connect(port, "127.0.0.1");
    socket.resume();
    await once(socket, "close");
  }
  probe.close();
}

describe("a link without a rule", () => {
  test("passes everything both ways, and the end", async () => {
    const { socket, received } = await connection();

    socket.write("there");
    accepted[0]?.end("and back");

    await once(socket, "end");
    expect([heard, received()]).toEqual(["there", "and back"]);
  });

  test("passes what is written in many pieces, in order and whole", async () => {
    const { socket } = await connection();
    const pieces = Array.from({ length: 2_000 }, (_, at) => `${at},`);

    for (const piece of pieces) socket.write(piece);
    socket.end();

    await waitFor("all has come", () => heard === pieces.join(""));
  });
});

describe("a cut", () => {
  test("is silence for the connections that stand; what was sent comes after the heal, in order", async () => {
    const { socket, received } = await connection();
    cut("a", "b");
    cut("b", "a");

    for (const word of ["one ", "two ", "three"]) socket.write(word);
    accepted[0]?.write("back");
    await roundTrip();
    expect([heard, received(), socket.destroyed]).toEqual(["", "", false]);

    table.heal();
    await waitFor("it has come", () => heard === "one two three" && received() === "back");
  });

  test("of one direction leaves the other one as it is", async () => {
    const { socket, received } = await connection();
    cut("a", "b");

    socket.write("lost for now");
    accepted[0]?.write("arrives");

    await waitFor("the open direction passes", () => received() === "arrives");
    expect(heard).toBe("");
  });

  test.each([
    ["there", "a", "b"],
    ["back", "b", "a"],
  ])("of the way %s lets no connection be made, and refuses none", async (_way, from, to) => {
    cut(from, to);

    const socket = dial();
    await roundTrip();
    expect([socket.connecting, socket.destroyed, accepted.length]).toEqual([true, false, 0]);

    table.heal();
    await once(socket, "connect");
  });

  test("hides that a side has left; what it had sent under the cut is gone with it", async () => {
    const { socket } = await connection();
    const [peer] = accepted;
    cut("a", "b");
    socket.write("never heard");
    socket.destroy();
    await roundTrip();
    expect(peer?.destroyed).toBe(false);

    table.heal();
    await waitFor("the peer is told", () => peer?.destroyed === true);
    expect(heard).toBe("");
  });

  test("hides that the peer has gone, until it is healed", async () => {
    const { socket } = await connection();
    cut("b", "a");
    accepted[0]?.resetAndDestroy();
    await roundTrip();
    expect(socket.destroyed).toBe(false);

    table.heal();
    await waitFor("it is told", () => socket.destroyed);
  });

  test("stops a writer that does not stop by itself: the link takes up a bounded amount", async () => {
    const { socket } = await connection();
    cut("a", "b");

    const chunk = Buffer.alloc(256 * 1_024);
    while (socket.writableLength < 8 * chunk.length) {
      socket.write(chunk);
      await Promise.resolve();
    }

    expect(socket.writableNeedDrain).toBe(true);
  });

  test("for a time heals by itself", async () => {
    const { socket } = await connection();
    table.set({ ...noImpairment("a", "b"), cut: true, forMs: 50 });
    socket.write("late");
    expect(table.rules()).toHaveLength(1);

    await waitFor("it has come", () => heard === "late");
    expect(table.rules()).toEqual([]);
  });
});

describe("a slow link", () => {
  test("delivers after its delay, in order, whatever the jitter", async () => {
    const { socket } = await connection();
    table.set({ ...noImpairment("a", "b"), delayMs: 30, jitterMs: 60 });
    const sentAtMs = performance.now();

    for (let at = 0; at < 10; at += 1) socket.write(`${at}`);

    await waitFor("it has come", () => heard === "0123456789");
    expect(performance.now() - sentAtMs).toBeGreaterThanOrEqual(30);
  });

  test("takes its bandwidth's time for what is sent on it", async () => {
    const { socket } = await connection();
    table.set({ ...noImpairment("a", "b"), bytesPerSecond: 10_000 });
    const sentAtMs = performance.now();

    socket.write("x".repeat(1_000));

    await waitFor("it has come", () => heard.length === 1_000);
    expect(performance.now() - sentAtMs).toBeGreaterThanOrEqual(99);
  });
});

describe("a lossy link", () => {
  test("loses and repeats messages at its rates, the same ones for the same seed", () => {
    const messages = Array.from({ length: 2_000 }, (_, at) => at);
    const survivors = (seed: number): readonly number[] => {
      const own = new LinkTable(seed);
      own.set({ ...noImpairment("a", "b"), lossRate: 0.25, duplicateRate: 0.1 });
      return own.direction("a", "b").surviving(messages);
    };

    const arrived = survivors(1);

    const once = new Set(arrived).size;
    expect(once / messages.length).toBeCloseTo(0.75, 1);
    expect(arrived.length / once).toBeCloseTo(1.1, 1);
    expect(survivors(1)).toEqual(arrived);
    expect(survivors(2)).not.toEqual(arrived);
  });

  test("is late with what a connection sends, and loses none of it", async () => {
    const { socket } = await connection();
    table.set({ ...noImpairment("a", "b"), lossRate: 0.5 });

    for (let at = 0; at < 6; at += 1) socket.write(`${at}`);

    await waitFor("all has come", () => heard === "012345");
  });
});

describe("a rule", () => {
  test.each([
    ["from", { from: "no name!" }],
    ["to", { to: "a" }],
    ["delayMs", { delayMs: -1 }],
    ["delayMs", { delayMs: 60_001 }],
    ["jitterMs", { jitterMs: 0.5 }],
    ["lossRate", { lossRate: 1.01 }],
    ["duplicateRate", { duplicateRate: Number.NaN }],
    ["bytesPerSecond", { bytesPerSecond: Number.POSITIVE_INFINITY }],
    ["forMs", { forMs: 86_400_001 }],
  ])("with a bad %s is refused by that name, and nothing changes", (field, fault) => {
    expect(() => table.set({ ...noImpairment("a", "b"), cut: true, ...fault })).toThrow(
      expect.objectContaining({ name: "InvalidLinkRule", field }),
    );
    expect(table.rules()).toEqual([]);
  });

  test("takes the place of the one before; one that changes nothing takes it away", () => {
    cut("a", "b");
    table.set({ ...noImpairment("a", "b"), delayMs: 5 });
    expect(table.rules()).toMatchObject([{ cut: false, delayMs: 5 }]);

    table.set(noImpairment("a", "b"));
    expect(table.rules()).toEqual([]);
  });
});
