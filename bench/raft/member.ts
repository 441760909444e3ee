// A process of the cluster: Raft over its own folder and gRPC links, with a state machine that only
// counts. Arguments: id, data folder, all ids.
import { createRaftService } from "../../src/api/raft-service.js";
import { createGrpcServer } from "../../src/api/server.js";
import { configSchema } from "../../src/config/schema.js";
import { RaftServiceService } from "../../src/gen/raft/v1/raft.js";
import { PeerLinks } from "../../src/mesh/transport/peer-links.js";
import { decodeExchange } from "../../src/mesh/transport/raft-codec.js";
import { nodeId, openRaftStorage, RaftNode } from "../../src/raft/index.js";
import { proposalHandler, ProposalService } from "./proposal-stream.js";
import { VALUE_BYTES } from "./sizes.js";
import { measure } from "./window.js";
import { obey, say } from "./words.js";

const MESH = "bench";
const [id = "", dir = "", ...ids] = process.argv.slice(2);
const timings = configSchema.parse({}).raft;
let addresses: Readonly<Record<string, string>> = {};

const storage = await openRaftStorage({ dir });
await storage.initialise(
  { serverId: id, meshId: MESH },
  {
    voters: ids.map((each) => ({ id: nodeId(each), address: "" })),
    outgoing: [],
    learners: [],
    learnersNext: [],
  },
);
const links: PeerLinks = new PeerLinks({
  meshId: MESH,
  self: { nodeId: id, address: addresses[id] ?? "" },
  addressOf: (peer) => addresses[peer],
  onUnreachable: (peer) => raft.reportUnreachable(nodeId(peer)),
  onGone: (peer) => raft.reportGone(nodeId(peer)),
});
const raft: RaftNode = new RaftNode({
  id: nodeId(id),
  log: storage,
  transport: links,
  stateMachine: {
    apply: () => undefined,
    restore: () => Promise.reject(new Error("no snapshots")),
  },
  tickMs: timings.tickMs,
  electionTicks: timings.electionTicks,
  heartbeatTicks: timings.heartbeatTicks,
  maxEntriesBytes: timings.maxAppendBytes,
  maxInflightMessages: timings.maxInflightAppends,
  maxUncommittedBytes: timings.maxUncommittedBytes,
  random: Math.random,
  onFatal: (error) => {
    throw error;
  },
});
raft.onSoftState(({ role }) => {
  if (role === "leader") say({ kind: "leads" });
});

const silent = { debug: () => undefined, warn: () => undefined, error: () => undefined };
const { address } = await createGrpcServer({
  host: "127.0.0.1",
  port: 0,
  services: [
    {
      definition: RaftServiceService,
      implementation: createRaftService({
        meshId: () => MESH,
        receive: (_, messages) => raft.receive(decodeExchange(messages)),
        log: silent,
      }),
    },
    {
      definition: ProposalService,
      implementation: { propose: proposalHandler(VALUE_BYTES, commit) },
    },
  ],
});

obey(async (order) => {
  switch (order.kind) {
    case "peers":
      addresses = order.addresses;
      raft.start();
      return;
    case "load":
      say({ kind: "measured", measured: await measure(order.load, commit) });
      return;
    case "connect":
      throw new Error("a member is no client");
  }
});
say({ kind: "listening", address });

function commit(value: Uint8Array): Promise<void> {
  const proposal = raft.propose(value);
  if (proposal.kind === "refused") throw new Error(`refused: ${proposal.reason}`);
  return proposal.committed;
}
