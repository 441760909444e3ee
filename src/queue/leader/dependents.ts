// Deadlines, unique keys and dependencies as the leader follows them for one term: what Redis tells
// of them becomes commands.
import type { AssignmentTable } from "../state/assignment-table.js";
import type { StoredDeadlines } from "../redis/reader.js";
import { Deadlines } from "./deadlines.js";
import type { EntryProposer, ProposedTasks } from "./entry-proposer.js";
import type { PromotionClock } from "./promotion-clock.js";
import { UniqueDecisions } from "./unique-decisions.js";
import type { ApplyOutcome } from "../redis/apply-outcome.js";
import { deadlineAtMs } from "../state/definition-rules.js";

/** Wait before Redis is asked again when the next scheduled task may run. */
const RETRY_AFTER_MS = 1_000;
/** Tasks that one Settle looks at: some milliseconds of Redis's time. */
const MAX_SETTLED_PER_ENTRY = 500;

export interface DependentsReader {
  /** What `read` reads; rejects where what answers does not reflect the log up to `index`. */
  reflecting<T>(index: number, read: () => Promise<T>): Promise<T>;
  /** Rejects while Redis cannot tell. */
  deadlines(nowMs: number, limit: number): Promise<StoredDeadlines>;
  /** Whether a task has ended that others still wait for. */
  isSettling(): Promise<boolean>;
  nextScheduledAtMs(): Promise<number | undefined>;
}

export interface DependentsParts {
  readonly now: () => number;
  readonly reader: DependentsReader;
  readonly table: AssignmentTable;
  readonly proposer: Pick<EntryProposer, "command">;
  readonly promotions: Pick<PromotionClock, "expect">;
}

export class Dependents {
  readonly #parts: DependentsParts;
  readonly decisions = new UniqueDecisions();
  readonly #deadlines: Deadlines;
  #isSettling = false;
  /** Entry of the Settle that Redis has not applied yet; Infinity while it is being proposed. */
  #settlesAt: number | undefined;
  #reached = 0;
  #lookAgain: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: DependentsParts) {
    this.#parts = parts;
    this.#deadlines = new Deadlines({
      now: parts.now,
      stored: (nowMs, limit) => this.#read((reader) => reader.deadlines(nowMs, limit)),
      running: () => parts.table.all(),
      propose: (taskIds) => parts.proposer.command({ $case: "overdue", value: { taskIds } }),
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#lookAgain);
    this.#deadlines.stop();
    this.decisions.close();
  }

  /** Tasks that an entry submits. */
  expect({ tasks, index }: ProposedTasks): void {
    for (const task of tasks) {
      if (task.deadlineMs > 0) this.#deadlines.expect(deadlineAtMs(task), index);
    }
  }

  /** What Redis tells for the first time. */
  learn(outcome: ApplyOutcome): void {
    this.decisions.told(outcome);
    if (outcome.settling.length > 0) this.#isSettling = true;
  }

  /** Redis is read anew. @throws RedisUnavailable */
  async opened(): Promise<void> {
    this.#deadlines.refresh();
    if (await this.#read((reader) => reader.isSettling())) this.#isSettling = true;
  }

  /** Redis reflects the log up to here. */
  redisReached(index: number): void {
    this.#reached = index;
    this.decisions.redisReached(index);
    this.#deadlines.redisReached(index);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#settlesAt !== undefined && this.#settlesAt <= this.#reached) {
      this.#settlesAt = undefined;
      void this.#lookAtSchedule();
    }
    this.#settle();
  }

  /** Tasks that waited for others may be scheduled now, as only Redis knows. */
  async #lookAtSchedule(): Promise<void> {
    clearTimeout(this.#lookAgain);
    try {
      const nextMs = await this.#read((reader) => reader.nextScheduledAtMs());
      if (nextMs !== undefined && !this.#stopped) this.#parts.promotions.expect(nextMs);
    } catch {
      if (this.#stopped) return;
      this.#lookAgain = setTimeout(() => void this.#lookAtSchedule(), RETRY_AFTER_MS);
    }
  }

  #read<T>(read: (reader: DependentsReader) => Promise<T>): Promise<T> {
    const { reader } = this.#parts;
    return reader.reflecting(this.#reached, () => read(reader));
  }

  #settle(): void {
    if (!this.#isSettling || this.#settlesAt !== undefined || this.#stopped) return;
    this.#isSettling = false;
    this.#settlesAt = Infinity;
    const command = { $case: "settle", value: { limit: MAX_SETTLED_PER_ENTRY } } as const;
    this.#parts.proposer.command(command).then(
      (index) => {
        this.#settlesAt = index;
        if (index <= this.#reached) this.#goOn();
      },
      // The leader is closing: the next leader finds what is left.
      () => (this.#settlesAt = undefined),
    );
  }
}
