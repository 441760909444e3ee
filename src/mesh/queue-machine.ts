// The state machine behind the log: every committed entry passes through here, in order, on every
// node, and whoever needs to know is told what it changed.
import { CommandBatch } from "../gen/mesh/v1/command.js";
import { AssignmentTable, type QueueChange } from "../queue/assignment-table.js";
import { DefinitionCache } from "../queue/definition-cache.js";
import { DrainTable } from "../queue/drain-table.js";
import type { CommittedEntry } from "../queue/redis/command-encoder.js";
import { ScheduleTable } from "../queue/schedules/schedule-table.js";
import type { Entry, SnapshotMeta, StateMachine } from "../raft/index.js";
import { WorkerStatistics } from "./worker-stats.js";

/** Definitions kept for assignees and for submissions that are sent twice. */
const MAX_DEFINITION_BYTES = 48 * 1024 * 1024;
/** Decoded entries kept for the leader, which applies them to Redis moments later. */
const MAX_RECENT_ENTRIES = 1_024;

export interface AppliedEntry {
  readonly index: number;
  readonly term: number;
  readonly changes: readonly QueueChange[];
}

export class QueueMachine implements StateMachine {
  readonly table = new AssignmentTable();
  readonly schedules = new ScheduleTable();
  readonly drains = new DrainTable();
  readonly definitions = new DefinitionCache(MAX_DEFINITION_BYTES);
  readonly statistics = new WorkerStatistics();
  readonly #recent = new Map<number, CommittedEntry>();
  readonly #listeners = new Set<(entry: AppliedEntry) => void>();
  #appliedIndex = 0;
  #lastAtMs = 0;

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Leader's time of the newest entry: a new leader's clock must not be behind it. */
  get lastAtMs(): number {
    return this.#lastAtMs;
  }

  /** Calls the listener after each entry; returns how to end that. */
  onApplied(listener: (entry: AppliedEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const committed = committedEntry(entry);
      const changes =
        committed.batch === undefined ? [] : this.table.apply(entry.index, committed.batch);
      if (committed.batch !== undefined) {
        this.schedules.apply(entry.index, committed.batch);
        this.drains.apply(committed.batch);
      }
      this.#appliedIndex = entry.index;
      this.#lastAtMs = Math.max(this.#lastAtMs, committed.batch?.atMs ?? 0);
      this.#remember(committed);
      for (const change of changes) this.#follow(change);
      this.statistics.count(changes);
      const applied = { index: entry.index, term: entry.term, changes };
      for (const listener of this.#listeners) listener(applied);
    }
  }

  /** The log is never compacted as yet, so that no node can need a snapshot of another. */
  restore(meta: SnapshotMeta): Promise<void> {
    return Promise.reject(
      new Error(`no state machine can be restored from snapshot ${meta.index}`),
    );
  }

  /** The decoded entry, where it was applied a short while ago. */
  recent(index: number): CommittedEntry | undefined {
    return this.#recent.get(index);
  }

  #follow(change: QueueChange): void {
    switch (change.kind) {
      case "submitted":
        this.definitions.add(change.task);
        break;
      case "finished":
        if (change.finish.outcome?.$case !== "retry") {
          this.definitions.markEnded(change.finish.taskId, true);
        }
        break;
      case "cancelled":
        this.definitions.markEnded(change.taskId, true);
        break;
      case "retried":
        this.definitions.markEnded(change.taskId, false);
        break;
      case "assigned":
      case "released":
        break;
    }
  }

  #remember(entry: CommittedEntry): void {
    this.#recent.set(entry.index, entry);
    this.#recent.delete(entry.index - MAX_RECENT_ENTRIES);
  }
}

/** An entry of the log as the appliers of Redis take it. */
export function committedEntry(entry: Entry): CommittedEntry {
  return {
    index: entry.index,
    term: entry.term,
    batch: entry.kind === "command" ? CommandBatch.decode(entry.data) : undefined,
  };
}
