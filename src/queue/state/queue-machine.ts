// The state machine behind the log: every committed entry passes through here, in order, on every
// node, and whoever needs to know is told what it changed.
import { type Command, CommandBatch, type OperateCommand } from "../../gen/mesh/v1/command.js";
import { AssignmentTable, type QueueChange } from "./assignment-table.js";
import { QueueTable } from "./queue-table.js";
import { DefinitionCache } from "./definition-cache.js";
import { DrainTable } from "./drain-table.js";
import { MeshVersion, VersionTooNew } from "./mesh-version.js";
import type { CommittedEntry } from "./committed-entry.js";
import { ScheduleTable } from "./schedule-table.js";
import {
  type Entry,
  logIndex,
  type LogIndex,
  type SnapshotMeta,
  type StateMachine,
  type StateSnapshot,
} from "../../raft/index.js";
import { DecodedEntries } from "./decoded-entries.js";
import { type ProposedEntry, ProposedEntries } from "./proposed-entries.js";
import { type Step, stepsOf } from "./operation-steps.js";
import { OperationTable } from "./operation-table.js";
import { pendingAnswer } from "./operation-answers.js";
import { replicatedTables } from "./replicated-tables.js";
import { readFrames, SnapshotUnreadable, tableFrames } from "./snapshot-format.js";
import { WorkerStatistics } from "./worker-stats.js";

/** Definitions kept for assignees and for submissions that are sent twice. */
const MAX_DEFINITION_BYTES = 24 * 1024 * 1024;
/** Some 40,000 submissions. */
const MAX_DECODED_BYTES = 4 * 1024 * 1024;

export interface AppliedEntry {
  readonly index: number;
  readonly term: number;
  readonly changes: readonly QueueChange[];
  /** Something that people have set may be another than before: see `settings`. */
  readonly changesSettings: boolean;
}

/** The tables as they are after one entry. */
export interface TableImage {
  readonly tableIndex: number;
  readonly lastAtMs: number;
  /** In the format of a snapshot. */
  readonly frames: Iterable<Uint8Array>;
}

/** Where the rest of a snapshot comes from: the tasks, which are in Redis. */
export interface SnapshotSource {
  take(machine: QueueMachine, signal: AbortSignal): Promise<StateSnapshot | undefined>;
  /** The log must keep what is behind this entry. */
  mayCompactThrough(): number;
}

export class QueueMachine implements StateMachine {
  readonly #source: SnapshotSource | undefined;
  readonly #onContradiction: (text: string) => void;
  readonly table = new AssignmentTable();
  readonly schedules = new ScheduleTable();
  readonly drains = new DrainTable();
  readonly queues = new QueueTable();
  readonly version = new MeshVersion();
  readonly operations = new OperationTable();
  readonly definitions = new DefinitionCache(MAX_DEFINITION_BYTES);
  readonly statistics = new WorkerStatistics();
  readonly #tables = replicatedTables(this);
  readonly #restoreListeners = new Set<(meta: SnapshotMeta, tableIndex: number) => void>();
  /** The tables hold what entries up to here did, where they come from a snapshot. */
  #tableIndex = 0;
  readonly #recent = new DecodedEntries(MAX_DECODED_BYTES);
  readonly #proposed = new ProposedEntries();
  readonly #listeners = new Set<(entry: AppliedEntry) => void>();
  #appliedIndex = 0;
  #lastAtMs = 0;

  /**
   * @param source none: no snapshots are taken
   * @param onContradiction the log says what cannot be; it changed nothing
   */
  constructor(source?: SnapshotSource, onContradiction: (text: string) => void = () => undefined) {
    this.#source = source;
    this.#onContradiction = onContradiction;
  }

  /** Index of the last entry that was applied here. */
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

  /** Calls the listener when a snapshot has taken the place of everything; returns how to end that. */
  onRestored(listener: (meta: SnapshotMeta, tableIndex: number) => void): () => void {
    this.#restoreListeners.add(listener);
    return () => this.#restoreListeners.delete(listener);
  }

  /** This node, which leads, has proposed an entry: it need not be decoded when it is committed. */
  proposed(entry: ProposedEntry): void {
    this.#proposed.add(entry);
  }

  /** Applies committed entries in order, and tells the listeners after each what it changed. */
  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const committed = this.#proposed.take(entry) ?? committedEntry(entry);
      const changes = this.#change(committed);
      this.#appliedIndex = entry.index;
      this.#lastAtMs = Math.max(this.#lastAtMs, committed.batch?.atMs ?? 0);
      this.#recent.push(committed, entry.data.length);
      for (const change of changes) this.#follow(change);
      this.statistics.count(changes);
      const changesSettings = committed.batch?.commands.some(isSetting) === true;
      const applied = { index: entry.index, term: entry.term, changes, changesSettings };
      for (const listener of this.#listeners) listener(applied);
    }
  }

  /**
   * The state as a snapshot; undefined where there is no source of snapshots, or none to be had
   * now.
   */
  snapshot(_applied: LogIndex, signal: AbortSignal): Promise<StateSnapshot | undefined> {
    return this.#source?.take(this, signal) ?? Promise.resolve(undefined);
  }

  /** The log must keep what is behind this entry. */
  mayCompactThrough(): LogIndex {
    return logIndex(this.#source?.mayCompactThrough() ?? this.#appliedIndex);
  }

  /** The tables as they are now: encoded at once, so that later entries change nothing of it. */
  tableImage(): TableImage {
    const frames = this.#tables.flatMap(({ name, records }) => [...tableFrames(name, records())]);
    const tableIndex = Math.max(this.#tableIndex, this.#appliedIndex);
    return { tableIndex, lastAtMs: this.#lastAtMs, frames };
  }

  /** What people have set, as frames of a snapshot. */
  settings(): { readonly index: number; readonly tables: Uint8Array } {
    const frames = this.#tables
      .filter((table) => table.isSetting)
      .flatMap(({ name, records }) => [...tableFrames(name, records())]);
    return { index: this.#appliedIndex, tables: Buffer.concat(frames) };
  }

  /** Reads the tables; the tasks behind them are for Redis, should it need them one day. */
  async restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    const records = new Map<string, Uint8Array[]>(this.#tables.map(({ name }) => [name, []]));
    let header: { readonly tableIndex: number; readonly lastAtMs: number } | undefined;
    for await (const { $case, value } of readFrames(content)) {
      if ($case === "header") {
        header = value;
      } else if ($case === "table") {
        const known = records.get(value.name);
        if (known === undefined) {
          throw new VersionTooNew(`the table ${value.name} of the snapshot`, undefined);
        }
        known.push(...value.records);
      } else {
        break;
      }
    }
    if (header === undefined) throw new SnapshotUnreadable("it is empty");
    for (const { name, restore } of this.#tables) restore(records.get(name) ?? []);
    this.#recent.clear();
    this.#proposed.clear();
    this.#appliedIndex = meta.index;
    this.#tableIndex = header.tableIndex;
    this.#lastAtMs = Math.max(this.#lastAtMs, header.lastAtMs);
    for (const listener of this.#restoreListeners) listener(meta, header.tableIndex);
  }

  /** The decoded entry, where it was applied a short while ago. */
  recent(index: number): CommittedEntry | undefined {
    return this.#recent.get(index);
  }

  /** Applies the entry to the tables, unless they come from a snapshot that has it. */
  #change({ index, batch }: CommittedEntry): readonly QueueChange[] {
    if (batch === undefined) return [];
    if (index <= this.#tableIndex) {
      // Which calls took effect is known of those that have not expired: the others are of no matter.
      const tookEffect = ({ operation }: OperateCommand): boolean =>
        this.operations.get(operation?.id ?? "")?.index === index;
      for (const step of stepsOf(batch, tookEffect)) this.#recall(step.batch);
      return [];
    }
    this.version.apply(index, batch);
    const before = this.table.contradiction;
    const changes: QueueChange[] = [];
    const begin = (operate: OperateCommand): boolean =>
      this.operations.begin(operate, index, batch.atMs);
    for (const step of stepsOf(batch, begin)) changes.push(...this.#applyStep(index, step));
    const { contradiction } = this.table;
    if (contradiction !== undefined && contradiction !== before)
      this.#onContradiction(contradiction);
    return changes;
  }

  #applyStep(index: number, { batch, operationId }: Step): readonly QueueChange[] {
    const answer = operationId === undefined ? undefined : pendingAnswer(this, batch);
    this.schedules.apply(index, batch);
    this.drains.apply(batch);
    this.queues.apply(batch);
    if (operationId !== undefined && answer !== undefined) {
      this.operations.answered(operationId, answer());
    }
    return this.table.apply(index, batch);
  }

  /**
   * An entry that the tables from a snapshot have already: only its submissions are taken note of,
   * to be recognised when they are sent again.
   */
  #recall({ commands }: CommandBatch): void {
    for (const { kind } of commands) {
      if (kind?.$case === "submit") {
        for (const task of kind.value.tasks) this.definitions.add(task);
      } else if (kind?.$case === "finish") {
        for (const { taskId, outcome } of kind.value.outcomes) {
          if (outcome?.$case !== "retry") this.definitions.markEnded(taskId);
        }
      } else if (kind?.$case === "cancel" || kind?.$case === "overdue") {
        for (const taskId of kind.value.taskIds) this.definitions.markEnded(taskId);
      }
    }
  }

  #follow(change: QueueChange): void {
    switch (change.kind) {
      case "submitted":
        this.definitions.add(change.task);
        break;
      case "finished":
        if (change.finish.outcome?.$case !== "retry") {
          this.definitions.markEnded(change.finish.taskId);
        }
        break;
      case "cancelled":
      case "overdue":
        this.definitions.markEnded(change.taskId);
        break;
      // Whether it runs again Redis alone knows: a task that has completed does not.
      case "retried":
      case "assigned":
      case "released":
      case "settled":
        break;
    }
  }
}

function isSetting({ kind }: Command): boolean {
  switch (kind?.$case) {
    case "operate":
      return kind.value.command !== undefined && isSetting(kind.value.command);
    case "configureQueue":
    case "putSchedule":
    case "deleteSchedule":
    case "fireSchedule":
    case "drainNode":
    case "activateVersion":
      return true;
    default:
      return false;
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
