// Redis as the leader sees it, in memory: applies entries in order, goes down, loses answers and
// writes, and says what it was told.
import { TaskStatus } from "../../src/gen/mesh/v1/task.js";
import type { LeaderReader } from "../../src/queue/leader/leader.js";
import type { StoredPendingTask } from "../../src/queue/task/pending-task.js";
import type { StoredDeadlines, EndedTasks } from "../../src/queue/redis/reader.js";
import type { ApplyOutcome } from "../../src/queue/redis/apply-outcome.js";
import type { CommittedEntry } from "../../src/queue/state/committed-entry.js";
import {
  AppliedIndexMismatch,
  RedisBehind,
  RedisUnavailable,
} from "../../src/queue/redis/errors.js";
import type { Applier } from "../../src/queue/leader/redis-sync.js";
import { turns } from "./queue-fixtures.js";
import { ENDED, type State, type Stored, TaskStates } from "./task-states.js";

export class SimulatedRedis implements Applier, LeaderReader {
  down = false;
  /** The next calls are done, and their answers lost. */
  answersToLose = 0;
  /** Reads are answered by another server, which stands still at that entry; undefined: by this one. */
  readsAt: number | undefined;
  readonly #states = new TaskStates();
  /** State after each entry, so that writes can be lost. */
  readonly #history = new Map<number, State>([[0, new Map()]]);
  readonly #operations = new Map<number, Map<string, number>>();

  get index(): number {
    return this.#states.index;
  }

  /** Redis wakes up with the writes after `index` lost. */
  forgetAfter(index: number): void {
    const back = Math.min(index, this.#states.index);
    this.#states.tasks = structuredClone(this.#history.get(back) ?? new Map<string, Stored>());
    this.#states.operations = new Map(this.#operations.get(back) ?? []);
    this.#states.index = back;
  }

  appliedIndex(): Promise<number> {
    return this.#call(() => this.#states.index);
  }

  prove(): Promise<void> {
    return this.#call(() => undefined);
  }

  apply(entries: readonly CommittedEntry[]): Promise<readonly ApplyOutcome[]> {
    return this.#call(() => {
      const first = entries[0]?.index ?? 0;
      if (first !== this.#states.index + 1) {
        throw new AppliedIndexMismatch(this.#states.index, first - 1);
      }
      return entries.map((entry) => {
        const outcome = this.#states.apply(entry);
        this.#history.set(entry.index, structuredClone(this.#states.tasks));
        this.#operations.set(entry.index, new Map(this.#states.operations));
        return outcome;
      });
    });
  }

  /** As the server has it that answers reads. */
  get #shown(): TaskStates {
    if (this.readsAt === undefined) return this.#states;
    const shown = new TaskStates();
    shown.index = this.readsAt;
    shown.tasks = this.#history.get(this.readsAt) ?? shown.tasks;
    return shown;
  }

  async reflecting<T>(index: number, read: () => Promise<T>): Promise<T> {
    const shown = this.#shown.index;
    if (shown < index) throw new RedisBehind(shown, index);
    return read();
  }

  pendingQueues() {
    return this.#call(() =>
      [...this.#shown.tasks.values()]
        .filter(({ status }) => status === TaskStatus.PENDING)
        .map(({ definition: { queue, priority } }) => ({ queue, priority })),
    );
  }

  pendingHead(head: {
    readonly queue: string;
    readonly priority: number;
    readonly afterSequence: number;
    readonly limit: number;
  }): Promise<readonly StoredPendingTask[]> {
    return this.#call(() =>
      [...this.#shown.tasks]
        .filter(
          ([, { status, sequence, definition }]) =>
            status === TaskStatus.PENDING &&
            definition.queue === head.queue &&
            definition.priority === head.priority &&
            sequence > head.afterSequence,
        )
        .sort(([, a], [, b]) => a.sequence - b.sequence)
        .slice(0, head.limit)
        .flatMap(([id]) => this.#shown.pending(id) ?? []),
    );
  }

  nextScheduledAtMs(): Promise<number | undefined> {
    return this.#call(() => {
      const times = [...this.#shown.tasks.values()]
        .filter(({ status }) => status === TaskStatus.SCHEDULED)
        .map(({ runAtMs }) => runAtMs);
      return times.length === 0 ? undefined : Math.min(...times);
    });
  }

  deadlines(nowMs: number, limit: number): Promise<StoredDeadlines> {
    return this.#call(() => {
      const live = [...this.#shown.tasks]
        .filter(([, { status, deadlineAtMs }]) => deadlineAtMs > 0 && !ENDED.has(status))
        .sort(([, a], [, b]) => a.deadlineAtMs - b.deadlineAtMs);
      const overdue = live.filter(([, { deadlineAtMs }]) => deadlineAtMs <= nowMs);
      const next = live[overdue.length]?.[1].deadlineAtMs;
      return { overdue: overdue.slice(0, limit).map(([id]) => id), nextMs: next };
    });
  }

  isSettling(): Promise<boolean> {
    return this.#call(() => false);
  }

  holders(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#call(() => {
      return new Map(
        keys
          .map((key) => [key, this.#shown.holder(key) ?? ""] as const)
          .filter(([, id]) => id !== ""),
      );
    });
  }

  ended(): Promise<readonly EndedTasks[]> {
    return this.#call(() => []);
  }

  getTask(): Promise<undefined> {
    return this.#call(() => undefined);
  }

  existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#call(() => new Set(ids.filter((id) => this.#shown.tasks.has(id))));
  }

  idempotent(): Promise<ReadonlyMap<string, string>> {
    return this.#call(() => new Map<string, string>());
  }

  async #call<T>(work: () => T): Promise<T> {
    await turns(1);
    if (this.down) throw new RedisUnavailable(new Error("down"));
    const answer = work();
    await turns(1);
    if (this.answersToLose > 0) {
      this.answersToLose -= 1;
      throw new RedisUnavailable(new Error("timeout"));
    }
    return answer;
  }
}
