// The composition root of a node: the one place where Raft, the queue, the worker, Redis and gRPC
// meet. Data flows one way: a command is proposed, committed, applied, and what it changed is told.
import type { RaftNode } from "../../raft/index.js";
import { TaskFeed } from "../reads/task-feed.js";
import { createHealth, createReads, type NodeStage, serveCalls, viewOf } from "./node-calls.js";
import { type Consensus, createConsensus, createKeeper, createProbes } from "./node-consensus.js";
import type { NodeParts } from "./node-parts.js";
import type { NodeServer } from "./node-server.js";
import { createAgent, createDrain, createLeaderLink, createStallWatch } from "./node-worker.js";

/** How long calls under way are given when the node stops. */
const CLOSE_GRACE_MS = 1_000;
/** How long a leader that stops tries to hand over; nobody may be there to take it. */
const HAND_OVER_MS = 1_000;
/** A node that no leader finds, since it moved, says now and then where it is. */
const INTRODUCE_MS = 1_000;

export interface RunningNode {
  /** host:port of its gRPC server. */
  readonly address: string;
  /** What it knows of leadership, members and log, and their changes. */
  readonly raft: Pick<
    RaftNode,
    "softState" | "onSoftState" | "status" | "onMembership" | "snapshotIndex"
  >;
  /** Finishes or hands back what runs, then leaves. */
  stop(): Promise<void>;
}

/** Sets the parts to work; resolves when the node serves. */
export async function runNode(parts: NodeParts): Promise<RunningNode> {
  const { config, logger, redis, registry } = parts;
  const stalls = createStallWatch(parts, () => link.helloChanged());
  const consensus = createConsensus(parts, stalls);
  const { raft, leadership, machine } = consensus;
  const feed = new TaskFeed();
  const agent = createAgent(parts, machine, stalls);
  const keeper = createKeeper(parts, consensus);
  const stage: NodeStage = { up: false, draining: false, stopping: false };
  const link = createLeaderLink(parts, consensus, agent, () => ({
    draining: stage.draining,
    ...stalls.counts(),
  }));
  const drain = createDrain(parts, consensus, agent, () => {
    stage.draining = true;
    health.review();
    link.helloChanged();
  });
  const health = createHealth(parts, consensus, stage);
  const leaderMayDiffer = (): void => {
    health.review();
    link.follow();
  };
  leadership.onChange(leaderMayDiffer);
  leadership.onChange(() => keeper.check());
  registry.watch.onChange(leaderMayDiffer);
  raft.onMembership(leaderMayDiffer);
  redis.onConnected(() => leadership.leader?.redisConnected());
  machine.onApplied((entry) => {
    leadership.entryApplied(entry);
    agent.entryApplied(entry);
    feed.applied(entry);
    drain.check();
  });
  const bornWith = parts.storage.snapshot()?.index;
  const bornAtIndex = parts.storage.lastIndex();
  machine.onRestored(({ index }, tableIndex) => {
    agent.restored(index === bornWith ? Math.max(bornAtIndex, tableIndex) : bornAtIndex);
    feed.restored(Math.max(index, tableIndex));
    drain.check();
  });
  const { events, reads } = createReads(parts, consensus, feed);
  const cluster = viewOf(parts, consensus);
  const server = await serveCalls(parts, consensus, { reads, cluster, health, keeper, agent });
  const probes = createProbes(parts, consensus, server.clients);
  raft.start();
  stage.up = true;
  health.review();
  // At once, too: the others may wait between two tries to reach the process before this one.
  consensus.introduce();
  const introducing = setInterval(consensus.introduce, INTRODUCE_MS);
  agent.start();
  stalls.start();
  logger.info({ address: server.address, mesh: config.mesh }, "node is up");
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stage.draining = true;
    stage.stopping = true;
    health.review();
    events.close();
    cluster.changes.close();
    link.helloChanged();
    await agent.stop(config.worker.stopGraceMs);
    link.stop();
    keeper.stop();
    probes.stop();
    clearInterval(introducing);
    stalls.stop();
    await handOver(consensus);
    await leave(parts, consensus, server);
  };
  return { address: server.address, raft, stop: () => (stopping ??= stop()) };
}

/** A leader that leaves on purpose spares the others the wait for an election. */
async function handOver({ raft }: Consensus): Promise<void> {
  if (raft.softState.role !== "leader") return;
  const transfer = raft.transferLeadership().catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => (timer = setTimeout(resolve, HAND_OVER_MS)));
  await Promise.race([transfer, timeout]);
  clearTimeout(timer);
}

/** The worker is done: the rest is taken down, from what others see to what is on disk. */
async function leave(
  { writer, registry, redis, storage }: NodeParts,
  { leadership, raft, links }: Consensus,
  server: NodeServer,
): Promise<void> {
  await writer.stop();
  await leadership.stop();
  await raft.stop();
  links.close();
  await server.close(CLOSE_GRACE_MS);
  server.clients.close();
  registry.close();
  redis.close();
  await storage.close();
}
