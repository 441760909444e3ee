// The composition root of a node: the one place where Raft, the queue, the worker, Redis and gRPC
// meet. Data flows one way: a command is proposed, committed, applied, and what it changed is told.
import { hostname } from "node:os";
import { join } from "node:path";
import { HealthService } from "../api/health-service.js";
import { problemFrom } from "../api/status.js";
import type { Config } from "../config/schema.js";
import { Registry } from "../discovery/registry.js";
import type { RegistryWriter } from "../discovery/registry-writer.js";
import type { WorkerHello } from "../gen/mesh/v1/worker_service.js";
import { QueueLeader } from "../queue/leader.js";
import { nodeId, openRaftStorage, RaftNode, type RaftStorage } from "../raft/index.js";
import type { Logger } from "../telemetry/logger.js";
import { Executor } from "../worker/executor.js";
import { createHandlerRegistry, type HandlerRegistry } from "../worker/handler-registry.js";
import { loadUserHandlers } from "../worker/user-module.js";
import { ClusterView } from "./cluster-view.js";
import { startError } from "./errors.js";
import { belongToMesh } from "./founding.js";
import { LeaderLink } from "./leader-link.js";
import { LeaderOperations } from "./leader-operations.js";
import { LeaderSessions } from "./leader-sessions.js";
import { leaderSettings } from "./leader-settings.js";
import { LeadershipOffice } from "./leadership.js";
import { MembershipKeeper } from "./membership-keeper.js";
import { NodeRedis } from "./node-redis.js";
import { serveNode } from "./node-server.js";
import { PeerLinks } from "./peer-links.js";
import { committedEntry, QueueMachine } from "./queue-machine.js";
import { TaskFeed } from "./task-feed.js";
import { NodeTaskReads } from "./task-reads.js";
import { VERSION } from "./version.js";
import { WorkerAgent } from "./worker-agent.js";
import { WorkerView } from "./worker-view.js";

/** How long calls under way are given when the node stops. */
const CLOSE_GRACE_MS = 1_000;
const APPEND_READ_BYTES = 4 * 1024 * 1024;

export interface StartNodeOptions {
  /** `redis.url` must be set. */
  readonly config: Config;
  readonly id: string;
  readonly port: number;
  readonly logger: Logger;
}

export interface RunningNode {
  /** host:port of its gRPC server. */
  readonly address: string;
  /** Finishes or hands back what runs, then leaves. */
  stop(): Promise<void>;
}

/**
 * Starts a node: opens its log, registers, founds or joins the mesh, serves.
 *
 * @throws NodeStartError with one line for what the user can mend
 */
export async function startNode(options: StartNodeOptions): Promise<RunningNode> {
  const cleanups: (() => Promise<void> | void)[] = [];
  try {
    return await assemble(options, cleanups);
  } catch (error) {
    for (const cleanup of cleanups.reverse()) await cleanup();
    throw startError(error);
  }
}

async function assemble(
  options: StartNodeOptions,
  cleanups: (() => Promise<void> | void)[],
): Promise<RunningNode> {
  const { config, id, port, logger } = options;
  const address = `${config.nodes.host}:${port}`;
  const handlers = await handlersOf(config);
  const storage = await openRaftStorage({
    dir: join(config.nodes.dataDir, "nodes", id),
    segmentBytes: config.raft.segmentBytes,
  });
  cleanups.push(() => storage.close());
  const redis = new NodeRedis(config, id);
  cleanups.push(() => redis.close());
  const registry = new Registry({
    mesh: config.mesh,
    redis: { url: redis.url, commandTimeoutMs: config.redis.commandTimeoutMs },
    logger,
  });
  cleanups.push(() => registry.close());
  const description = {
    id,
    address,
    concurrency: config.worker.concurrency,
    labels: config.worker.labels,
    types: handlers.types,
    version: VERSION,
    host: hostname(),
    pid: process.pid,
  };
  const writer = registry.writer(
    { ...description, startedAtMs: Date.now(), draining: false },
    ownMesh(storage),
  );
  cleanups.push(() => writer.stop());
  await registry.start();
  await writer.start();
  const meshId = await belongToMesh({
    id,
    expect: config.nodes.count,
    registry,
    writer,
    storage,
    signal: new AbortController().signal,
  });
  const hello = (draining: boolean): WorkerHello => ({
    ...description,
    nodeId: id,
    labels: [...description.labels],
    types: [...description.types],
    draining,
    meshId,
  });
  return run({ ...options, address, meshId, handlers, storage, redis, registry, writer, hello });
}

interface Parts extends StartNodeOptions {
  readonly address: string;
  readonly meshId: string;
  readonly handlers: HandlerRegistry;
  readonly storage: RaftStorage;
  readonly redis: NodeRedis;
  readonly registry: Registry;
  readonly writer: RegistryWriter;
  readonly hello: (draining: boolean) => WorkerHello;
}

async function run(parts: Parts): Promise<RunningNode> {
  const { config, id, port, logger, meshId, storage, redis, registry, writer } = parts;
  const machine = new QueueMachine();
  const feed = new TaskFeed();
  const now = (): number => Math.max(Date.now(), machine.lastAtMs);
  const addressOf = (peer: string): string | undefined =>
    registry.watch.get(peer)?.address ?? memberAddress(raft, peer);
  const links: PeerLinks = new PeerLinks({
    meshId,
    addressOf,
    onUnreachable: (peer) => raft.reportUnreachable(nodeId(peer)),
  });
  const raft: RaftNode = createRaft(parts, machine, links);
  const sessions = new LeaderSessions({
    leaseMs: config.worker.leaseMs,
    term: () => raft.softState.term,
  });
  const office = new LeadershipOffice({
    raft,
    sessions,
    addressOf,
    logger,
    open: (startIndex, onLost) =>
      new QueueLeader({
        settings: leaderSettings(config),
        startIndex,
        log: {
          nextIndex: () => raft.status().lastIndex + 1,
          writable: () => raft.softState.role === "leader",
          propose: (data) => raft.propose(data),
        },
        committedLog: {
          firstIndex: () => storage.firstIndex(),
          appliedIndex: () => machine.appliedIndex,
          read: (from, maxEntries) => readCommitted(storage, machine, from, maxEntries),
        },
        applier: redis.applier,
        reader: redis.reader,
        table: machine.table,
        definitions: machine.definitions,
        now,
        random: Math.random,
        refusal: (error) => ({ outcome: { $case: "refused", value: problemFrom(error) } }),
        logger,
        onLost,
      }),
  });
  redis.onConnected(() => office.leader?.redisConnected());
  const agent = createAgent(parts, machine);
  const keeper = new MembershipKeeper({ meshId, raft, registry: registry.watch, logger });
  const workers = new WorkerView({ raft, office, machine, addressOf });
  let draining = false;
  const link = new LeaderLink({
    agent,
    ownAddress: parts.address,
    leadership: () => office.leadership(),
    hello: () => parts.hello(draining),
  });
  const health = new HealthService();
  health.setServing("raft.v1.RaftService", true);
  office.onChange(() => {
    const serving = !draining && office.leadership().kind !== "unknown";
    for (const name of ["", "mesh.v1.TaskService", "mesh.v1.ClusterService"] as const) {
      health.setServing(name, serving);
    }
    link.follow();
    keeper.check();
  });
  registry.watch.onChange(() => link.follow());
  raft.onMembership(() => link.follow());
  machine.onApplied((entry) => {
    office.entryApplied(entry);
    agent.entryApplied(entry);
    feed.applied(entry, machine.lastAtMs);
  });
  const { reader, appliedWatch } = redis;
  const server = await serveNode({
    host: config.nodes.host,
    port,
    meshId,
    raft,
    leadership: office,
    operations: new LeaderOperations({ raft, office, reader, appliedWatch, workers }),
    reads: new NodeTaskReads({
      raft,
      machine,
      reader,
      appliedWatch,
      feed,
      maxWaitMs: config.limits.waitMs,
      now,
    }),
    cluster: new ClusterView({
      meshName: config.mesh,
      meshId,
      nodeId: id,
      raft,
      office,
      links,
      workers,
      redis: redis.connection,
      reader,
      appliedWatch,
      addressOf,
    }),
    sessions,
    health,
    logger,
  });
  raft.start();
  agent.start();
  logger.info({ address: server.address, mesh: config.mesh }, "node is up");
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    draining = true;
    health.setAllServing(false);
    link.helloChanged();
    await agent.stop(config.worker.stopGraceMs);
    link.stop();
    keeper.stop();
    await writer.stop();
    await office.stop();
    await raft.stop();
    links.close();
    await server.close(CLOSE_GRACE_MS);
    server.clients.close();
    registry.close();
    redis.close();
    await storage.close();
  };
  return { address: server.address, stop: () => (stopping ??= stop()) };
}

function createRaft(parts: Parts, machine: QueueMachine, links: PeerLinks): RaftNode {
  const { config, id, storage, logger } = parts;
  const { raft } = config;
  return new RaftNode({
    id: nodeId(id),
    log: storage,
    transport: links,
    stateMachine: machine,
    tickMs: raft.tickMs,
    electionTicks: raft.electionTicks,
    heartbeatTicks: raft.heartbeatTicks,
    maxEntriesBytes: raft.maxAppendBytes,
    maxInflightMessages: raft.maxInflightAppends,
    maxUncommittedBytes: raft.maxUncommittedBytes,
    random: Math.random,
    onFatal: (error) => {
      logger.fatal({ err: error }, "the node cannot go on");
      // Nothing may be answered from here on: the process ends, and its supervisor decides.
      setImmediate(() => {
        throw error;
      });
    },
  });
}

function createAgent(parts: Parts, machine: QueueMachine): WorkerAgent {
  const { config, id, handlers, storage, redis, logger } = parts;
  return new WorkerAgent({
    nodeId: id,
    leaseMs: config.worker.leaseMs,
    table: machine.table,
    definitions: machine.definitions,
    bornAtIndex: storage.lastIndex(),
    executor: (report) =>
      new Executor({
        slots: config.worker.concurrency,
        handlers,
        report,
        logFor: ({ taskId, type }) => logger.child({ taskId, taskType: type }),
      }),
    fetchDefinitions: (ids) => redis.reader.getDefinitions(ids),
    monotonicMs: () => performance.now(),
    logger,
  });
}

async function handlersOf(config: Config): Promise<HandlerRegistry> {
  const { handlers } = config.worker;
  return createHandlerRegistry(
    handlers === undefined ? undefined : await loadUserHandlers(handlers),
  );
}

function ownMesh({ identity, membership }: RaftStorage) {
  if (identity === undefined) return undefined;
  const members = [...membership.voters, ...membership.learners];
  return { meshId: identity.meshId, members: members.map(({ id, address }) => ({ id, address })) };
}

function memberAddress(raft: RaftNode, id: string): string | undefined {
  const { voters, outgoing, learners } = raft.status().membership;
  return [...voters, ...outgoing, ...learners].find((member) => member.id === id)?.address;
}

/** Committed entries, decoded: the recent ones as they are, older ones from the log. */
function readCommitted(
  storage: RaftStorage,
  machine: QueueMachine,
  from: number,
  maxEntries: number,
) {
  const to = Math.min(from + maxEntries, machine.appliedIndex + 1);
  const first = machine.recent(from);
  if (first === undefined) {
    return storage
      .entries(from as never, to as never, APPEND_READ_BYTES)
      .map((entry) => committedEntry(entry));
  }
  const entries = [first];
  for (let index = from + 1; index < to; index += 1) {
    const entry = machine.recent(index);
    if (entry === undefined) break;
    entries.push(entry);
  }
  return entries;
}
