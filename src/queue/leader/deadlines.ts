// When the next deadline passes, and which tasks are dead then. It looks when one passes, and each ten seconds
// while there are any: running tasks also while Redis is away, the others as soon as Redis can tell.
import type { StoredDeadlines } from "../redis/reader.js";
import type { RunningTask } from "../state/assignment-table.js";
import { waitUntilMs } from "../log-time/wait-until.js";

/** Tasks of one entry: about a millisecond of Redis's time. */
const MAX_OVERDUE_PER_ENTRY = 500;
/** Wait before Redis is asked again that did not answer. */
const RETRY_AFTER_MS = 1_000;
/** Shortest time between two looks: what the first proposed may not be in the table yet. */
const MIN_WAIT_MS = 5;

export interface DeadlinesParts {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Rejects while Redis cannot tell. */
  readonly stored: (nowMs: number, limit: number) => Promise<StoredDeadlines>;
  readonly running: () => Iterable<RunningTask>;
  /** Resolves with the index of the committed command. */
  readonly propose: (taskIds: string[]) => Promise<number>;
}

export class Deadlines {
  readonly #parts: DeadlinesParts;
  #nextMs = Infinity;
  #timer: NodeJS.Timeout | undefined;
  /** Entry that Redis has not applied yet: until then it would name the same tasks again. */
  #awaited = 0;
  #reached = 0;
  /** Redis has to be asked for its deadlines as soon as it answers again. */
  #isBlind = true;
  /** Newest entry that submits a task with a deadline. */
  #submittedAt = 0;
  /** A deadline passed while Redis did not know all submissions yet: it is asked once it does. */
  #lookAgainAt = Infinity;
  #busy = false;
  #stopped = false;

  constructor(parts: DeadlinesParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** The entry at `index` submits a task whose deadline is then. */
  expect(atMs: number, index: number): void {
    this.#submittedAt = Math.max(this.#submittedAt, index);
    if (atMs >= this.#nextMs) return;
    this.#nextMs = atMs;
    this.#arm();
  }

  /** Redis may know other deadlines than were seen here, as at the start of a term. */
  refresh(): void {
    this.#isBlind = true;
  }

  /** Redis reflects the log up to here. */
  redisReached(index: number): void {
    this.#reached = index;
    if (this.#awaited > 0 && index >= this.#awaited) {
      this.#awaited = 0;
      this.#isBlind = true;
    }
    if (index >= this.#lookAgainAt) this.#isBlind = true;
    if (this.#isBlind && this.#awaited === 0) void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    this.#isBlind = false;
    this.#nextMs = Infinity;
    this.#lookAgainAt = this.#submittedAt > this.#reached ? this.#submittedAt : Infinity;
    const nowMs = this.#parts.now();
    try {
      const stored = await this.#stored(nowMs);
      const overdue = new Set(stored.overdue);
      for (const { assignment } of this.#parts.running()) {
        const { taskId, deadlineAtMs } = assignment;
        if (deadlineAtMs === 0) continue;
        if (deadlineAtMs > nowMs) this.#nextMs = Math.min(this.#nextMs, deadlineAtMs);
        else if (overdue.size < MAX_OVERDUE_PER_ENTRY) overdue.add(taskId);
      }
      this.#nextMs = Math.min(this.#nextMs, stored.nextMs ?? Infinity);
      if (overdue.size > 0 && !this.#hasStopped()) {
        const index = await this.#parts.propose([...overdue]);
        if (index > this.#reached) this.#awaited = index;
        else this.#nextMs = nowMs;
        // One entry did not take them all: look again at once.
        if (overdue.size >= MAX_OVERDUE_PER_ENTRY) this.#nextMs = nowMs;
      }
    } catch {
      // The leader is closing: the next leader looks.
    } finally {
      this.#busy = false;
      this.#arm();
    }
  }

  /**
   * What Redis knows; nothing while it does not answer: running tasks are then all that is looked
   * at.
   */
  async #stored(nowMs: number): Promise<StoredDeadlines> {
    const nothing = { overdue: [], nextMs: undefined };
    if (this.#awaited > 0) return nothing;
    try {
      return await this.#parts.stored(nowMs, MAX_OVERDUE_PER_ENTRY);
    } catch {
      this.#isBlind = true;
      this.#nextMs = nowMs + RETRY_AFTER_MS;
      return nothing;
    }
  }

  /** Read again after each await: the leader may have closed meanwhile. */
  #hasStopped(): boolean {
    return this.#stopped;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#nextMs === Infinity) return;
    const waitMs = waitUntilMs(this.#nextMs, this.#parts.now(), MIN_WAIT_MS);
    this.#timer = setTimeout(() => void this.#look(), waitMs);
  }
}
