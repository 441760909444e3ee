// What a Raft node is given, with its defaults.
import { logIndex, type Message, type NodeId, type RaftCoreOptions } from "./core/index.js";
import type { DurableLog } from "./storage/durable-log.js";
import type { StateMachine } from "./state-machine.js";

export interface RaftTransport {
  /** Must not block, nor call a node within its own turn; may drop, repeat and reorder. */
  send(messages: readonly Message[]): void;
}

/** When snapshots are taken of a state machine that offers them, and what the log keeps. */
export interface SnapshotPolicy {
  /** A snapshot is taken when that many entries were applied since the last one. Default 100,000. */
  readonly everyEntries?: number;
  /**
   * Or when these entries hold that many bytes. Default 64 MiB. In either case not before they hold as
   * many as the last snapshot.
   */
  readonly everyBytes?: number;
  /**
   * Newest entries that the log keeps beside a snapshot, for followers that are a little behind.
   * Default 10,000.
   */
  readonly keepEntries?: number;
}

export interface RaftNodeOptions {
  readonly id: NodeId;
  readonly log: DurableLog;
  readonly transport: RaftTransport;
  readonly stateMachine: StateMachine;
  /** The disk failed, or the code broke a promise: the node has stopped itself. Called once. */
  readonly onFatal: (error: unknown) => void;
  /** Default 50. */
  readonly tickMs?: number;
  /** Minimum election timeout; each is drawn from [n, 2n). Default 10. */
  readonly electionTicks?: number;
  /** Default 1. */
  readonly heartbeatTicks?: number;
  /** Of the payload of one append message. Default 256 KiB. */
  readonly maxEntriesBytes?: number;
  /** Append messages on their way to one follower. Default 64. */
  readonly maxInflightMessages?: number;
  /** Proposals of this leader that wait for their commit; above, they are refused. Default 32 MiB. */
  readonly maxUncommittedBytes?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
  readonly snapshots?: SnapshotPolicy;
  /**
   * The state machine could not give a snapshot: another is asked for when the policy says so again.
   * The log grows meanwhile.
   */
  readonly onSnapshotFailed?: (error: unknown) => void;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const SNAPSHOT_DEFAULTS = {
  everyEntries: 100_000,
  everyBytes: 64 * MIB,
  keepEntries: 10_000,
} as const;

const DEFAULTS = {
  tickMs: 50,
  electionTicks: 10,
  heartbeatTicks: 1,
  maxEntriesBytes: 256 * KIB,
  maxInflightMessages: 64,
  maxUncommittedBytes: 32 * MIB,
  random: Math.random,
  onSnapshotFailed: () => undefined,
} as const;

/** The options with every default resolved. */
export interface RaftNodeConfig extends Required<RaftNodeOptions> {
  readonly snapshots: Required<SnapshotPolicy>;
  /** That a read, or a transfer, is given. */
  readonly patienceMs: number;
}

/** Election timeouts that a read, or a transfer, is given. */
const PATIENCE_TIMEOUTS = 4;

export function resolveNodeOptions(options: RaftNodeOptions): RaftNodeConfig {
  const snapshots = { ...SNAPSHOT_DEFAULTS, ...options.snapshots };
  const config = { ...DEFAULTS, ...options, snapshots };
  return { ...config, patienceMs: PATIENCE_TIMEOUTS * config.electionTicks * config.tickMs };
}

/** The core begins behind the snapshot on disk: until that is restored, what it hands out waits. */
export function coreOptionsOf(config: RaftNodeConfig): RaftCoreOptions {
  const { id, log, random, electionTicks, heartbeatTicks } = config;
  const { maxEntriesBytes, maxInflightMessages, maxUncommittedBytes } = config;
  return {
    id,
    log,
    hardState: log.hardState,
    membership: log.membership,
    applied: log.snapshot()?.index ?? logIndex(0),
    random,
    electionTicks,
    heartbeatTicks,
    maxEntriesBytes,
    maxInflightMessages,
    maxInflightBytes: maxEntriesBytes * maxInflightMessages,
    maxUncommittedBytes,
  };
}
