// The wiring of a node's log and what stands on it: Raft with its links, the state machine, the members,
// and while it leads the queue's leader and what asks after silent nodes.
import type { ChannelCredentials } from "@grpc/grpc-js";
import type { Caller } from "../../api/caller-identity.js";
import type { ClientPool } from "../../api/client-pool.js";
import { probe } from "../../api/liveness-service.js";
import { problemFrom } from "../../api/status.js";
import { CommandBatch } from "../../gen/mesh/v1/command.js";
import { QueueLeader } from "../../queue/leader/leader.js";
import { nodeId, RaftNode } from "../../raft/index.js";
import { asNodeFailure } from "./errors.js";
import { leaderSettings } from "../leader/leader-settings.js";
import { LeaderSessions } from "../leader/leader-sessions.js";
import { LeadershipTracker } from "../leader/leadership-tracker.js";
import { SettingsMirror } from "../leader/settings-mirror.js";
import { VersionKeeper } from "../leader/version-keeper.js";
import { WorkerProbes } from "../leader/worker-probes.js";
import { MembershipKeeper } from "../membership/membership-keeper.js";
import { committedLog } from "./committed-log.js";
import { createLogTime, type NodeLogTime } from "./node-log-time.js";
import type { NodeParts } from "./node-parts.js";
import { memberAddress, members, voters } from "./raft-members.js";
import { PeerLinks } from "../transport/peer-links.js";
import { QueueMachine } from "../../queue/state/queue-machine.js";
import { QueueSnapshots } from "../snapshots/queue-snapshots.js";
import { RedisRestore } from "../snapshots/redis-restore.js";
import type { StallWatch } from "./stall-watch.js";

/** Others elect a leader after one election timeout: a leader that stood still doubts long before. */
const DOUBTS_PER_ELECTION_TIMEOUT = 2;

export interface Consensus {
  readonly raft: RaftNode;
  readonly machine: QueueMachine;
  readonly links: PeerLinks;
  readonly sessions: LeaderSessions;
  readonly leadership: LeadershipTracker;
  /** Where a node is reached: as it says itself, else as the membership says. */
  readonly addressOf: (id: string) => string | undefined;
  /** A peer says where it is reached. */
  readonly introduced: (nodeId: string, address: string) => void;
  /** Tells the members where this node is reached, if none of them leads it. */
  readonly introduce: () => void;
  /** Address by id of every node that is registered or a member. */
  readonly knownNodes: () => ReadonlyMap<string, string>;
  /** Of calls and streams to other nodes; undefined: no TLS, and links as they are. */
  readonly peerCredentials: ChannelCredentials | undefined;
  /** This node, as its calls and streams to others introduce it. */
  readonly caller: Caller;
  readonly logTime: NodeLogTime;
}

/**
 * Puts Raft, the tables that follow the log, and what leads when elected together; nothing runs
 * yet.
 */
export function createConsensus(parts: NodeParts, stalls: StallWatch): Consensus {
  const { config, meshId, registry, logger, links: own } = parts;
  const { storage, redis } = parts;
  const { appliedWatch } = redis;
  const machine = new QueueMachine(
    new QueueSnapshots({ dump: redis.dump, storage, appliedWatch }),
    (reason) => logger.error({ reason }, "the log contradicts itself"),
  );
  const introductions = new Map<string, string>();
  const addressOf = (id: string): string | undefined => {
    const record = registry.watch.get(id);
    // Another mesh may have taken this one's place in Redis, with nodes of the same names.
    const isOfMesh = (record?.meshId ?? meshId) === meshId;
    const registered = isOfMesh ? record?.address : undefined;
    const member = memberAddress(raft, id);
    // While Redis is away a peer's own word and the membership still learn of new addresses.
    return registry.watch.redisReachable
      ? (registered ?? member)
      : (introductions.get(id) ?? member ?? registered);
  };
  const nameOf = (address: string): string | undefined =>
    registry.watch.records().find((record) => record.address === address)?.id ??
    members(raft).find((member) => member.address === address)?.id;
  const knownNodes = (): ReadonlyMap<string, string> => {
    const ids = [...members(raft), ...registry.watch.records()].map(({ id }): string => id);
    return new Map([...new Set(ids)].map((id) => [id, addressOf(id) ?? ""]));
  };
  const caller = { mesh: config.mesh, meshId: () => meshId };
  const logTime = createLogTime(parts, machine, {
    voters: () => voters(raft),
    all: () => members(raft),
  });
  const now = (): number => logTime.clock.now();
  const links: PeerLinks = new PeerLinks({
    meshId,
    caller,
    self: { nodeId: parts.id, address: parts.description.address },
    addressOf,
    onUnreachable: (peer) => raft.reportUnreachable(nodeId(peer)),
    onGone: (peer) => raft.reportGone(nodeId(peer)),
    credentials: own?.credentials("messages", nameOf),
    surviving: own && ((peer, messages) => own.surviving(peer, messages)),
    clockFor: (peer) => logTime.exchange.toSend(peer),
  });
  const raft: RaftNode = createRaft(parts, machine, links);
  const sessions = new LeaderSessions({
    leaseMs: config.worker.leaseMs,
    term: () => raft.softState.term,
    lastIndex: () => raft.lastIndex,
    confirmLeadership: () => raft.readIndex(),
    onHello: () => versions.check(),
    lookForStall: () => stalls.look(),
  });
  stalls.onStall(electionMs(parts) / DOUBTS_PER_ELECTION_TIMEOUT, () => sessions.doubt());
  const leadership: LeadershipTracker = new LeadershipTracker({
    raft,
    sessions,
    addressOf,
    logger,
    emptyCommand: () => CommandBatch.encode({ atMs: now(), commands: [] }).finish(),
    open: (startIndex, onLost) => {
      logTime.clock.begin();
      return openLeader(parts, { raft, machine, sessions, settings, now }, startIndex, onLost);
    },
  });
  leadership.onChange(() => {
    if (leadership.leader === undefined) logTime.clock.end();
  });
  const settings: SettingsMirror = mirrorSettings(parts, machine, leadership);
  const versions = new VersionKeeper({
    raft,
    leader: () => leadership.leader,
    version: machine.version,
    logger,
  });
  raft.onMembership(() => versions.check());
  const peerCredentials = own?.credentials("calls", nameOf);
  const introduced = (id: string, address: string): void => {
    // Kept for members alone, which bounds the map.
    if (memberAddress(raft, id) === undefined) return;
    introductions.set(id, address);
    links.heardFrom(id);
  };
  const introduce = (): void => {
    if (raft.softState.leader === undefined) links.introduce(members(raft).map(({ id }) => id));
  };
  return {
    ...{ raft, machine, links, sessions, leadership, addressOf, knownNodes, peerCredentials },
    ...{ logTime, introduced, introduce, caller },
  };
}

function mirrorSettings(
  { redis }: NodeParts,
  machine: QueueMachine,
  leadership: LeadershipTracker,
): SettingsMirror {
  const settings = new SettingsMirror({
    settings: () => machine.settings(),
    leads: () => leadership.leader !== undefined,
    keep: (all) => redis.settings.keep(all),
  });
  machine.onApplied(({ changesSettings }) => {
    if (changesSettings) settings.changed();
  });
  leadership.onChange(() => settings.changed());
  redis.onConnected(() => settings.changed());
  return settings;
}

function createRaft(parts: NodeParts, machine: QueueMachine, links: PeerLinks): RaftNode {
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
    snapshots: {
      everyEntries: raft.snapshotEveryEntries,
      everyBytes: raft.snapshotEveryBytes,
      keepEntries: raft.keepEntries,
    },
    onSnapshotFailed: (error) => logger.warn({ err: error }, "no snapshot was taken; again later"),
    onFatal: (error) => {
      // Nothing may be answered from here on: the process ends, and its supervisor decides.
      setImmediate(() => {
        throw asNodeFailure(error);
      });
    },
  });
}

export function createKeeper(
  { config, meshId, registry, logger }: NodeParts,
  { raft, leadership, machine, links }: Consensus,
): MembershipKeeper {
  return new MembershipKeeper({
    meshId,
    raft,
    registry: registry.watch,
    drains: machine.drains,
    version: machine.version,
    isConnected: (peer) => links.isConnected(peer),
    workers: () => leadership.leader?.workers,
    rules: config.nodes,
    electionMs: config.raft.electionTicks * config.raft.tickMs,
    logger,
  });
}

export function createProbes(
  { config, id, meshId, logger }: NodeParts,
  { raft, leadership, sessions }: Consensus,
  clients: ClientPool,
): WorkerProbes {
  return new WorkerProbes({
    nodeId: id,
    meshId,
    leaseMs: config.worker.leaseMs,
    // One that stood still itself hears of nobody for a moment.
    leader: () => (sessions.isDoubted ? undefined : leadership.leader),
    term: () => raft.softState.term,
    lastIndex: () => raft.lastIndex,
    probe: (address, request, timeoutMs) => probe(clients, address, request, timeoutMs),
    monotonicMs: () => performance.now(),
    random: Math.random,
    logger,
  });
}

type LeaderSurroundings = Pick<Consensus, "raft" | "machine" | "sessions"> & {
  readonly settings: SettingsMirror;
  readonly now: () => number;
};

function openLeader(
  { config, clocks, storage, redis, logger }: NodeParts,
  { raft, machine, sessions, settings, now }: LeaderSurroundings,
  startIndex: number,
  onLost: (reason: string) => void,
): QueueLeader {
  return new QueueLeader({
    settings: leaderSettings(config),
    startIndex,
    log: {
      nextIndex: () => raft.lastIndex + 1,
      writable: () => raft.canPropose(),
      propose: (data, batch) => {
        const proposal = raft.propose(data);
        if (proposal.kind === "accepted") {
          const { index, term } = proposal;
          machine.proposed({ index, term, batch });
        }
        return proposal;
      },
    },
    committedLog: committedLog(storage, machine),
    applier: redis.applier,
    snapshots: new RedisRestore({
      storage,
      restorer: redis.restorer,
      leaderTerm: () => raft.softState.term,
      onRestored: () => settings.changed(),
      logger,
    }),
    reader: redis.reader,
    keepProgress: (all) => redis.progress.keep(all),
    keepLines: (all) => redis.logWriter.keep(all),
    table: machine.table,
    schedules: machine.schedules,
    queues: machine.queues,
    operations: machine.operations,
    drains: machine.drains,
    definitions: machine.definitions,
    now,
    monotonicMs: () => clocks.monotonicMs(),
    mayRelease: () => !sessions.isDoubted,
    random: Math.random,
    refusal: (error) => ({ outcome: { $case: "refused", value: problemFrom(error) } }),
    logger,
    onLost,
  });
}

function electionMs({ config }: NodeParts): number {
  return config.raft.electionTicks * config.raft.tickMs;
}
