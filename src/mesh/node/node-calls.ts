// The wiring of what a node answers to those who call it: clients, the leader, other nodes, and people
// who look at the mesh.
import { LinkControl } from "../../api/link-control.js";
import type { ProbeRequest, ProbeResponse } from "../../gen/mesh/v1/liveness_service.js";
import { logIndex } from "../../raft/index.js";
import { Audit } from "../leader/audit.js";
import { LeaderOperations } from "../leader/leader-operations.js";
import { LeaderQueues } from "../leader/leader-queues.js";
import { LeaderSchedules } from "../leader/leader-schedules.js";
import type { MembershipKeeper } from "../membership/membership-keeper.js";
import { ClusterView } from "../reads/cluster-view.js";
import { TaskEvents } from "../reads/task-events.js";
import type { TaskFeed } from "../reads/task-feed.js";
import { NodeTaskReads } from "../reads/task-reads.js";
import { TaskWhy } from "../reads/why/task-why.js";
import { WorkerView } from "../reads/worker-view.js";
import type { WorkerAgent } from "../worker/worker-agent.js";
import { createLogAudit } from "./log-auditor.js";
import type { Consensus } from "./node-consensus.js";
import { NodeHealth } from "./node-health.js";
import type { NodeParts } from "./node-parts.js";
import { type NodeServer, serveNode } from "./node-server.js";

/** Where a node is on its way from its start to its end. */
export interface NodeStage {
  up: boolean;
  draining: boolean;
  stopping: boolean;
}

export function createHealth(
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

export function createReads(
  { config, redis }: NodeParts,
  { raft, machine, logTime }: Consensus,
  feed: TaskFeed,
): { readonly events: TaskEvents; readonly reads: NodeTaskReads } {
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
    now: () => logTime.clock.now(),
  });
  return { events, reads };
}

/** The mesh as people see it, told anew whenever something of it changes. */
export function viewOf(parts: NodeParts, consensus: Consensus): ClusterView {
  const { config, id, meshId, redis, registry, writer } = parts;
  const { raft, leadership, machine, links, addressOf, logTime } = consensus;
  const clockAheadMs = (peer: string): number | undefined => logTime.clock.clockAheadMs(peer);
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
    workers: new WorkerView({ raft, leadership, machine, addressOf, clockAheadMs }),
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

interface ServedParts {
  readonly reads: NodeTaskReads;
  readonly cluster: ClusterView;
  readonly health: NodeHealth;
  readonly keeper: MembershipKeeper;
  readonly agent: WorkerAgent;
}

export function serveCalls(
  parts: NodeParts,
  consensus: Consensus,
  { keeper, agent, health, ...served }: ServedParts,
): Promise<NodeServer> {
  const { config, id, port, meshId, redis, links, logger } = parts;
  const { raft, leadership, machine, sessions, peerCredentials, introduced, logTime } = consensus;
  const { reader, appliedWatch } = redis;
  const { workers } = served.cluster;
  const operations = new LeaderOperations({
    raft,
    leadership,
    reader,
    operationReader: redis.operations,
    appliedWatch,
    workers,
    logTime: () => logTime.clock.state(),
    keeper,
    audit: createAudit(parts, consensus),
    taskWhy: createTaskWhy(parts, consensus, served.reads),
  });
  return serveNode({
    now: () => logTime.clock.now(),
    host: config.nodes.host,
    mesh: config.mesh,
    caller: consensus.caller,
    id,
    port,
    meshId,
    peerCredentials,
    raft,
    leadership: leadership,
    operations,
    admissions: operations,
    introduced,
    clock: (peer, reading) => logTime.exchange.received(peer, reading),
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

function createAudit(parts: NodeParts, { machine, raft }: Consensus): Audit {
  const { redis, storage } = parts;
  return new Audit({
    table: machine.table,
    appliedIndex: () => machine.appliedIndex,
    appliedWatch: redis.appliedWatch,
    appliedEntry: () => redis.applier.appliedEntry(),
    termAt: (index) => storage.term(logIndex(index)),
    commitIndex: () => raft.status().commit,
    redisAudit: (shows, onFinding) => redis.audit(shows, onFinding),
    logAudit: createLogAudit(parts, machine),
  });
}

function createTaskWhy(
  { id, redis, storage }: NodeParts,
  { leadership, raft, machine }: Consensus,
  reads: NodeTaskReads,
): TaskWhy {
  return new TaskWhy({
    nodeId: id,
    leadership,
    raft,
    machine,
    reads,
    reader: redis.reader,
    queues: redis.queues,
    events: redis.eventReader,
    appliedWatch: redis.appliedWatch,
    termAt: (index) => storage.term(logIndex(index)),
  });
}

function answerProbe(
  { description: { startedAtMs } }: NodeParts,
  { raft }: Consensus,
  agent: WorkerAgent,
  { revocation }: ProbeRequest,
): ProbeResponse {
  const obeys = revocation !== undefined && revocation.term >= raft.softState.term;
  const reports = obeys ? [...agent.revoked(revocation.index)] : [];
  return { reached: true, revoked: obeys, startedAtMs, reports };
}
