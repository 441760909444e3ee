// The composition root of a node: the one place where Raft, the queue, the worker, Redis and gRPC
// meet. Data flows one way: a command is proposed, committed, applied, and what it changed is told.
import { LinkControl } from "../../api/link-control.js";
import { ClusterView } from "../reads/cluster-view.js";
import { LeaderLink } from "../worker/leader-link.js";
import { LeaderOperations } from "../leader/leader-operations.js";
import { LeaderQueues } from "../leader/leader-queues.js";
import { LeaderSchedules } from "../leader/leader-schedules.js";
import { MembershipKeeper } from "../membership/membership-keeper.js";
import { createAudit } from "./node-audit.js";
import { createTaskWhy } from "./node-why.js";
import { type Consensus, createConsensus } from "./node-consensus.js";
import { NodeDrain } from "./node-drain.js";
import { NodeHealth } from "./node-health.js";
import type { WorkerHello } from "../../gen/mesh/v1/worker_service.js";
import { hostHello } from "./node-handlers.js";
import type { NodeParts } from "./node-parts.js";
import { answerProbe, createProbes } from "./node-probes.js";
import { type NodeServer, serveNode } from "./node-server.js";
import { createAgent } from "./node-worker.js";
import { StallWatch } from "./stall-watch.js";
import type { RaftNode } from "../../raft/index.js";
import { TaskEvents } from "../reads/task-events.js";
import { TaskFeed } from "../reads/task-feed.js";
import { NodeTaskReads } from "../reads/task-reads.js";
import type { WorkerAgent } from "../worker/worker-agent.js";
import { WorkerView } from "../reads/worker-view.js";

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

/** Where a node is on its way from its start to its end. */
interface NodeStage {
  up: boolean;
  draining: boolean;
  stopping: boolean;
}

/** Sets the parts to work; resolves when the node serves. */
export async function runNode(parts: NodeParts): Promise<RunningNode> {
  const { config, logger, redis, registry } = parts;
  const stalls = createStallWatch(parts, () => link.helloChanged());
  const consensus = createConsensus(parts, stalls);
  const { raft, leadership, machine, now } = consensus;
  const feed = new TaskFeed();
  const agent = createAgent(parts, machine, stalls);
  const keeper = createKeeper(parts, consensus);
  const state: NodeStage = { up: false, draining: false, stopping: false };
  const link = createLeaderLink(parts, consensus, agent, () => ({
    draining: state.draining,
    ...stalls.counts(),
  }));
  const drain = createDrain(parts, consensus, agent, () => {
    state.draining = true;
    health.review();
    link.helloChanged();
  });
  const health = createHealth(parts, consensus, state);
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
  const events = new TaskEvents({
    tail: redis.eventTail,
    reader: redis.eventReader,
    appliedIndex: () => machine.appliedIndex,
    readIndex: () => raft.readIndex(),
  });
  const reads = new NodeTaskReads({
    raft,
    machine,
    reader: redis.reader,
    logs: redis.logReader,
    appliedWatch: redis.appliedWatch,
    redisConnected: () => redis.state.connected,
    feed,
    events,
    maxWaitMs: config.limits.waitMs,
    now,
  });
  const cluster = viewOf(parts, consensus);
  const server = await serve(parts, consensus, { reads, cluster, health, keeper, agent });
  const probes = createProbes(parts, consensus, server.clients);
  raft.start();
  state.up = true;
  health.review();
  // At once, too: the others may wait between two tries to reach the process before this one.
  consensus.introduce();
  const introducing = setInterval(consensus.introduce, INTRODUCE_MS);
  agent.start();
  stalls.start();
  logger.info({ address: server.address, mesh: config.mesh }, "node is up");
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    state.draining = true;
    state.stopping = true;
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

function createHealth(
  { links }: NodeParts,
  { leadership }: Consensus,
  stage: Readonly<NodeStage>,
): NodeHealth {
  return new NodeHealth(() => ({
    isUp: stage.up,
    isDraining: stage.draining,
    isStopping: stage.stopping,
    leadership: leadership.leadership().kind,
    mayImpairLinks: links !== undefined,
  }));
}

/** @param announce tells the leader what is counted */
function createStallWatch({ config, logger }: NodeParts, announce: () => void): StallWatch {
  const { leaseMs } = config.worker;
  return new StallWatch({
    monotonicMs: () => performance.now(),
    countedMs: leaseMs,
    onCounted: (stallMs) => {
      const fields = { stallMs: Math.round(stallMs), leaseMs };
      logger.warn(fields, "the event loop stood still for longer than the lease");
      announce();
    },
  });
}

function createLeaderLink(
  { description, host, meshId, id }: NodeParts,
  { leadership, peerCredentials }: Consensus,
  agent: WorkerAgent,
  state: () => Pick<WorkerHello, "draining" | "stalls" | "longestStallMs">,
): LeaderLink {
  const link = new LeaderLink({
    agent,
    ownAddress: description.address,
    leadership: () => leadership.leadership(),
    credentials: peerCredentials,
    hello: () => ({
      ...description,
      nodeId: id,
      labels: [...description.labels],
      types: [...description.types],
      meshId,
      ...hostHello(host),
      ...state(),
    }),
  });
  host?.onStatus(() => link.helloChanged());
  return link;
}

function createKeeper(
  { config, meshId, registry, logger }: NodeParts,
  { raft, leadership, machine, links }: Consensus,
): MembershipKeeper {
  return new MembershipKeeper({
    meshId,
    raft,
    registry: registry.watch,
    drains: machine.drains,
    isConnected: (peer) => links.isConnected(peer),
    workers: () => leadership.leader?.workers,
    rules: config.nodes,
    electionMs: config.raft.electionTicks * config.raft.tickMs,
    logger,
  });
}

function createDrain(
  { config, id, description, writer, logger }: NodeParts,
  { raft, machine }: Consensus,
  agent: WorkerAgent,
  announce: () => void,
): NodeDrain {
  return new NodeDrain({
    nodeId: id,
    startedAtMs: description.startedAtMs,
    drains: machine.drains,
    announce: () => {
      announce();
      // Where Redis is away the heartbeat writes it later.
      writer.update({ draining: true }).catch((error: unknown) => {
        logger.debug({ err: error }, "the registry does not know yet that this node is drained");
      });
    },
    yieldLeadership: () => raft.yieldLeadership(),
    endWork: () => agent.drain(config.worker.drainGraceMs),
    logger,
  });
}

interface ServedParts {
  readonly reads: NodeTaskReads;
  readonly cluster: ClusterView;
  readonly health: NodeHealth;
  readonly keeper: MembershipKeeper;
  readonly agent: WorkerAgent;
}

function serve(
  parts: NodeParts,
  consensus: Consensus,
  { keeper, agent, health, ...served }: ServedParts,
): Promise<NodeServer> {
  const { config, id, port, meshId, redis, links, logger } = parts;
  const { raft, leadership, machine, sessions, peerCredentials, introduced } = consensus;
  const { reader, appliedWatch } = redis;
  const { workers } = served.cluster;
  const operations = new LeaderOperations({
    raft,
    leadership,
    reader,
    appliedWatch,
    workers,
    keeper,
    audit: createAudit(parts, consensus),
    taskWhy: createTaskWhy(parts, consensus, served.reads),
  });
  return serveNode({
    host: config.nodes.host,
    id,
    port,
    meshId,
    peerCredentials,
    raft,
    leadership: leadership,
    operations,
    admissions: operations,
    introduced,
    schedules: new LeaderSchedules(leadership),
    queues: new LeaderQueues({ leadership, machine, reader: redis.queues }),
    ...served,
    health: health.service,
    sessions,
    answerProbe: (request) => answerProbe(parts, consensus, agent, request),
    addressOf: consensus.addressOf,
    chaos: links && new LinkControl({ self: id, table: links.table, nodes: consensus.knownNodes }),
    logger,
  });
}

/** The mesh as people see it, told anew whenever something of it changes. */
function viewOf(parts: NodeParts, consensus: Consensus): ClusterView {
  const { config, id, meshId, redis, registry, writer } = parts;
  const { raft, leadership, machine, links, addressOf } = consensus;
  const cluster = new ClusterView({
    meshName: config.mesh,
    balancerPolicy: config.balancer.policy,
    meshId,
    nodeId: id,
    raft,
    leadership,
    machine,
    links,
    isImpaired: (peer) => parts.links?.isImpaired(peer) ?? false,
    workers: new WorkerView({ raft, leadership, machine, addressOf }),
    redis,
    registryRefusal: () => writer.refusal,
    reader: redis.reader,
    appliedWatch: redis.appliedWatch,
    addressOf,
  });
  const look = (): void => cluster.changes.look();
  leadership.onChange(look);
  raft.onMembership(look);
  registry.watch.onChange(look);
  redis.onChange(look);
  return cluster;
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
