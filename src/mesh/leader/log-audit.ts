// Holds Redis against the log: a task that the newest snapshot has as unfinished, or that an entry behind it
// submitted, is in Redis unless an entry ended it. Tasks that sets and states agree on having lost show
// nowhere else.
import { setImmediate as turn } from "node:timers/promises";
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import type { CommittedLog } from "../../queue/leader/redis-sync.js";
import type { AuditFinding } from "../../queue/redis/audit.js";
import type { DumpPiece } from "../../queue/redis/dump.js";
import type { TaskReader } from "../../queue/redis/reader.js";
import { decodeRunState } from "../../queue/redis/run-state.js";
import type { CommittedEntry } from "../../queue/state/committed-entry.js";
import { IDEMPOTENCY_WINDOW_MS } from "../../queue/state/definition-rules.js";
import { logIndex, SnapshotReplaced } from "../../raft/index.js";

/** Tasks that are looked for at a time. */
const TASKS_AT_A_TIME = 200;
const ENTRIES_AT_A_TIME = 64;
/** Tasks that are not there and may have ended: for so many at a time the log is read once more. */
const MAX_MISSING = 20_000;
/** The log before a snapshot goes when the next one is taken: it is begun anew then. */
const MAX_TRIES = 3;

export interface LogAuditParts {
  readonly log: CommittedLog;
  /** Content of this node's newest snapshot; undefined where there is none. */
  readonly snapshot: (
    signal: AbortSignal,
  ) => { readonly index: number; readonly content: AsyncIterable<DumpPiece> } | undefined;
  readonly reader: Pick<TaskReader, "existing" | "idempotent" | "reflecting">;
}

/** A task that is to be in Redis unless it has ended. */
interface Expected {
  readonly id: string;
  /** Idempotency key with which it was submitted; another task may stand for it. */
  readonly key: string;
  readonly atMs: number;
}

export class LogAudit {
  readonly #parts: LogAuditParts;

  constructor(parts: LogAuditParts) {
    this.#parts = parts;
  }

  /**
   * @param shows an entry that Redis reflects, up to which the log is held against it
   * @throws RedisUnavailable; SnapshotReplaced where snapshots are taken faster than they are read
   */
  async run(
    shows: number,
    tell: (finding: AuditFinding) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        for (const id of await this.#lost(shows, signal)) {
          tell({ taskId: id, text: "is unfinished by the log, and not in Redis" });
        }
        return;
      } catch (error) {
        if (!(error instanceof SnapshotReplaced) || attempt === MAX_TRIES) throw error;
      }
    }
  }

  async #lost(shows: number, signal: AbortSignal): Promise<readonly string[]> {
    const snapshot = this.#parts.snapshot(signal);
    const from = (snapshot?.index ?? 0) + 1;
    const lost: string[] = [];
    let missing: Expected[] = [];
    const settle = async (): Promise<void> => {
      lost.push(...(await this.#unended(missing, from, signal)));
      missing = [];
    };
    for await (const some of inGroups(this.#expected(snapshot?.content, from, shows, signal))) {
      missing.push(...(await this.#missing(some, shows)));
      if (missing.length >= MAX_MISSING) await settle();
    }
    if (missing.length > 0) await settle();
    return lost;
  }

  async *#expected(
    content: AsyncIterable<DumpPiece> | undefined,
    from: number,
    shows: number,
    signal: AbortSignal,
  ): AsyncIterable<Expected> {
    for await (const piece of content ?? []) {
      if (piece.kind !== "tasks") continue;
      for (const { id, state } of piece.tasks) {
        const { status, options } = decodeRunState(Buffer.from(state));
        // What waits for others may have been cancelled with them, of which the log does not name it.
        if (isUnfinished(status) && options.waitsFor.length === 0) yield { id, key: "", atMs: 0 };
      }
    }
    for await (const { batch } of this.#entries(from, shows, signal)) {
      for (const { kind } of batch?.commands ?? []) {
        if (kind?.$case !== "submit") continue;
        for (const task of kind.value.tasks) {
          // Another task may have had the unique key at that time, which nothing tells any more.
          if (task.uniqueKey !== "" || task.after.length > 0) continue;
          yield { id: task.id, key: task.idempotencyKey, atMs: batch?.atMs ?? 0 };
        }
      }
    }
  }

  async #missing(some: readonly Expected[], shows: number): Promise<readonly Expected[]> {
    const { reader } = this.#parts;
    const ids = some.map(({ id }) => id);
    const there = await reader.reflecting(shows, () => reader.existing(ids));
    const absent = some.filter(({ id }) => !there.has(id));
    const keys = absent.flatMap(({ key }) => (key === "" ? [] : [key]));
    if (keys.length === 0) return absent;
    const holders = await reader.idempotent(keys, 0);
    return absent.filter(({ id, key, atMs }) => {
      if (key === "") return true;
      const holder = holders.get(key);
      // Past the window of its key nobody can tell whether another one stood for it.
      return holder === undefined ? Date.now() < atMs + IDEMPOTENCY_WINDOW_MS : holder === id;
    });
  }

  /** Those of them that no entry has ended: what has ended may have been removed since. */
  async #unended(
    missing: readonly Expected[],
    from: number,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const left = new Set(missing.map(({ id }) => id));
    for await (const { batch } of this.#entries(from, this.#parts.log.appliedIndex(), signal)) {
      for (const { kind } of batch?.commands ?? []) {
        switch (kind?.$case) {
          case "finish":
            for (const { taskId, outcome } of kind.value.outcomes) {
              if (outcome?.$case !== "retry") left.delete(taskId);
            }
            break;
          case "cancel":
          case "overdue":
          case "drop":
            for (const id of kind.value.taskIds) left.delete(id);
            break;
          default:
            break;
        }
      }
    }
    return left;
  }

  async *#entries(from: number, to: number, signal: AbortSignal): AsyncIterable<CommittedEntry> {
    const { log } = this.#parts;
    for (let next = from; next <= to;) {
      signal.throwIfAborted();
      if (next < log.firstIndex()) throw new SnapshotReplaced(logIndex(from - 1));
      const some = log.read(next, Math.min(ENTRIES_AT_A_TIME, to - next + 1));
      yield* some;
      next += Math.max(1, some.length);
      await turn();
    }
  }
}

function isUnfinished(status: TaskStatus): boolean {
  return [TaskStatus.SCHEDULED, TaskStatus.PENDING, TaskStatus.RUNNING].includes(status);
}

async function* inGroups(all: AsyncIterable<Expected>): AsyncIterable<readonly Expected[]> {
  let group: Expected[] = [];
  for await (const one of all) {
    group.push(one);
    if (group.length < TASKS_AT_A_TIME) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
