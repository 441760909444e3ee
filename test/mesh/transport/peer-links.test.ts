// Links of Raft over real connections: what they notice by themselves, and what they take for a death.
import { createServer, type Server as TcpServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRaftService } from "../../../src/api/raft-service.js";
import { createGrpcServer, type GrpcServer } from "../../../src/api/server.js";
import { RaftServiceService } from "../../../src/gen/raft/v1/raft.js";
import { LinkTable } from "../../../src/links/link-table.js";
import { noImpairment } from "../../../src/links/link-rule.js";
import { OwnLinks } from "../../../src/links/own-links.js";
import { PeerLinks } from "../../../src/mesh/transport/peer-links.js";
import { decodeExchange } from "../../../src/mesh/transport/raft-codec.js";
import { type Message, nodeId, term } from "../../../src/raft/index.js";
import { waitFor } from "../../support/wait-for.js";

const MESH = "mesh";
const [SELF, PEER] = [nodeId("n1"), nodeId("n2")];
const silent = { debug: () => undefined, warn: () => undefined, error: () => undefined };
const message: Message = { kind: "timeout-now", from: SELF, to: PEER, term: term(1) };

let links: PeerLinks;
let peer: GrpcServer;
let table: LinkTable;
let heard: Message[];
let unreachable: number;
let gone: number;

beforeEach(async () => {
  heard = [];
  unreachable = 0;
  gone = 0;
  table = new LinkTable(1);
  peer = await startPeer(0);
  const { address } = peer;
  links = new PeerLinks({
    meshId: MESH,
    self: { nodeId: SELF, address: "127.0.0.1:1" },
    addressOf: () => address,
    onUnreachable: () => (unreachable += 1),
    onGone: () => (gone += 1),
    credentials: new OwnLinks(table, SELF).credentials("messages", () => PEER),
  });
  links.send([message]);
  await waitFor("the link stands", () => heard.length === 1 && links.isConnected(PEER));
});
afterEach(async () => {
  links.close();
  table.heal();
  await peer.close(0);
});

function startPeer(port: number): Promise<GrpcServer> {
  const implementation = createRaftService({
    meshId: () => MESH,
    receive: (_, messages) => heard.push(...decodeExchange(messages)),
    log: silent,
  });
  return createGrpcServer({
    host: "127.0.0.1",
    port,
    services: [{ definition: RaftServiceService, implementation }],
  });
}

test("a peer whose process has ended is noticed though nothing is sent to it", async () => {
  await peer.close(0);

  await waitFor("it is said to be gone", () => gone > 0);
  expect(unreachable).toBeGreaterThan(0);
  expect(links.isConnected(PEER)).toBe(false);
});

test("a peer that is back is connected to though nothing is sent to it", async () => {
  const { port } = peer;
  await peer.close(0);
  await waitFor("it is said to be gone", () => gone > 1);

  peer = await startPeer(port);

  await waitFor("the link stands again", () => links.isConnected(PEER));
  links.send([message]);
  await waitFor("messages pass", () => heard.length === 2);
});

test("a connection that breaks while the peer's machine still accepts others is no death", async () => {
  const { port } = peer;
  await peer.close(0);
  const ends = await acceptAndEnd(port);
  try {
    await waitFor("it is tried", () => ends.count >= 1);
    const before = gone;
    await waitFor("it was tried again and again", () => ends.count >= 4);
    expect(gone).toBe(before);
  } finally {
    ends.server.close();
  }
});

test("a peer that has reached this node is tried at once, however often it was tried in vain", async () => {
  const { port } = peer;
  await peer.close(0);
  const ends = await acceptAndEnd(port);
  try {
    await waitFor("it was tried again and again", () => ends.count >= 4);
    // By itself the link waits up to a second each time.
    for (let times = 0; times < 40; times += 1) {
      const before = ends.count;
      await waitFor("it is tried", () => {
        links.heardFrom(PEER);
        return ends.count > before;
      });
    }
  } finally {
    ends.server.close();
  }
}, 20_000);

test("a link that is cut is silent: the peer is not said to be gone, and messages pass after", async () => {
  for (const [from, to] of [[SELF, PEER] as const, [PEER, SELF] as const]) {
    table.set({ ...noImpairment(from, to), cut: true });
  }
  links.send([message]);
  table.heal();

  await waitFor("what was sent arrives", () => heard.length === 2);
  expect({ gone, unreachable }).toEqual({ gone: 0, unreachable: 0 });
});

/** Something that takes connections, and ends each at once. */
async function acceptAndEnd(port: number): Promise<{ server: TcpServer; count: number }> {
  const server = createServer((socket) => {
    ends.count += 1;
    socket.on("error", () => undefined);
    socket.destroy();
  });
  const ends = { server, count: 0 };
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return ends;
}
