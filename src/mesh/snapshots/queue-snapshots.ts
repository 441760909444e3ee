// Takes snapshots of the queue: the tables as they are in this node, and the unfinished tasks as they
// are in Redis, read while the mesh goes on. Every node takes its own, one at a time over the mesh.
import { setTimeout as sleep } from "node:timers/promises";
import type { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import { RedisDump, type RedisDumpOptions } from "../../queue/redis/dump.js";
import { RedisUnavailable } from "../../queue/redis/errors.js";
import { logIndex, type RaftStorage, type StateSnapshot } from "../../raft/index.js";
import type { QueueMachine, SnapshotSource, TableImage } from "../../queue/state/queue-machine.js";
import { encodeFrame, SNAPSHOT_FORMAT, STATE_LAYOUT } from "../../queue/state/snapshot-format.js";

/** Wait before Redis is asked again, while another node takes its snapshot. */
const BUSY_RETRY_MS = 250;
/** A follower is behind the leader's Redis by a few round trips; else it waits for its log. */
const MAX_BEHIND_MS = 10_000;
const BEHIND_POLL_MS = 20;

export interface QueueSnapshotsOptions {
  readonly dump: RedisDumpOptions;
  readonly storage: Pick<RaftStorage, "snapshot" | "term">;
  readonly appliedWatch: Pick<AppliedIndexWatch, "applied">;
}

export class QueueSnapshots implements SnapshotSource {
  readonly #options: QueueSnapshotsOptions;
  constructor(options: QueueSnapshotsOptions) {
    this.#options = options;
  }

  /**
   * Undefined where there is none to be had now: nothing is new, or this node's log is not there yet.
   * @throws RedisUnavailable; its content throws DumpLost too
   */
  async take(machine: QueueMachine, signal: AbortSignal): Promise<StateSnapshot | undefined> {
    const dump = await this.#begin(signal);
    if (dump === undefined) return undefined;
    try {
      const newest = this.#options.storage.snapshot()?.index ?? 0;
      if (dump.index > newest && (await isReached(machine, dump.index, signal))) {
        if (this.#options.storage.term(logIndex(dump.index)) === dump.term) {
          const content = contentOf(dump, machine.tableImage());
          return { index: logIndex(dump.index), content };
        }
      }
    } catch (error) {
      await dump.end().catch(ignoreOutage);
      throw error;
    }
    await dump.end();
    return undefined;
  }

  /** What Redis has not applied yet is replayed from the log, on whichever node leads then. */
  mayCompactThrough(): number {
    return this.#options.appliedWatch.applied;
  }

  async #begin(signal: AbortSignal): Promise<RedisDump | undefined> {
    while (!signal.aborted) {
      const dump = await RedisDump.begin(this.#options.dump);
      if (dump !== undefined) return dump;
      await sleep(BUSY_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }
}

async function* contentOf(
  dump: RedisDump,
  { tableIndex, lastAtMs, frames }: TableImage,
): AsyncGenerator<Uint8Array, void, void> {
  let tasks = 0;
  let keys = 0;
  let isRead = false;
  try {
    yield encodeFrame({
      $case: "header",
      value: {
        format: SNAPSHOT_FORMAT,
        stateLayout: STATE_LAYOUT,
        redisIndex: dump.index,
        tableIndex,
        lastAtMs,
      },
    });
    yield* frames;
    for await (const piece of dump.pieces()) {
      if (piece.kind === "tasks") {
        tasks += piece.tasks.length;
        yield encodeFrame({ $case: "tasks", value: { tasks: piece.tasks.map(copied) } });
      } else {
        keys += piece.keys.length;
        yield encodeFrame({
          $case: "keys",
          value: { keys: piece.keys.map((key) => ({ ...key })) },
        });
      }
    }
    isRead = true;
    yield encodeFrame({ $case: "end", value: { tasks, keys } });
  } finally {
    if (!isRead) await dump.end().catch(ignoreOutage);
  }
}

function copied<T extends object>(value: Readonly<T>): T {
  return { ...value };
}

async function isReached(
  machine: QueueMachine,
  index: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMs = performance.now() + MAX_BEHIND_MS;
  while (machine.appliedIndex < index && !signal.aborted && performance.now() < deadlineMs) {
    await sleep(BEHIND_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return machine.appliedIndex >= index && !signal.aborted;
}

/** What Redis keeps for a dump goes by itself, a little later. */
function ignoreOutage(error: unknown): void {
  if (!(error instanceof RedisUnavailable)) throw error;
}
