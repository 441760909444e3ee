// What the leader does as Redis gets on: it learns what only Redis could tell, lets go of what Redis
// reflects by now, and reads the backlog. It also knows how far Redis may be trusted.
import type { DefinitionCache } from "../state/definition-cache.js";
import type { PendingSet } from "../pending/pending-set.js";
import type { ApplyOutcome } from "../redis/apply-outcome.js";
import { RedisUnavailable } from "../redis/errors.js";
import { taskSequence } from "../state/task-sequence.js";
import { pendingFromRedis } from "../task/pending-task.js";
import type { Backlog } from "./backlog.js";
import type { CountedLog } from "./counted-log.js";
import type { Dependents } from "./dependents.js";
import type { EndOfTurn } from "./end-of-turn.js";
import type { Foresight } from "./foresight.js";
import type { LeaderLogger, LeaderReader } from "./leader-parts.js";
import type { PromotionClock } from "./promotion-clock.js";
import type { CommittedLog, RedisSyncEvents, SyncState } from "./redis-sync.js";
import type { Retention } from "./retention.js";

/** How long Redis may take to apply what is committed. */
const REACH_MS = 2_000;

interface Waiting {
  readonly index: number;
  readonly settle: (isReached: boolean) => void;
}

export interface RedisProgressParts {
  /** Entry with which the term began: Redis must reflect it before it is trusted. */
  readonly startIndex: number;
  readonly log: CountedLog;
  readonly committedLog: Pick<CommittedLog, "appliedIndex">;
  readonly reader: LeaderReader;
  readonly definitions: DefinitionCache;
  readonly pending: PendingSet;
  readonly backlog: Backlog;
  readonly foresight: Foresight;
  readonly promotions: PromotionClock;
  readonly dependents: Dependents;
  readonly retention: Retention;
  readonly turn: EndOfTurn;
  readonly logger: LeaderLogger;
}

export class RedisProgress implements RedisSyncEvents {
  readonly #parts: RedisProgressParts;
  /**
   * Redis tells something new past this entry: where it stands before it, as when it lost writes, it
   * shows tasks as pending that have been given away long since.
   */
  #trustedFrom: number;
  /** Where Redis stood when it was last heard of. */
  #redisIndex = 0;
  #state: SyncState = { kind: "in-step" };
  /** Bounded by the submissions under way. */
  readonly #waiting = new Set<Waiting>();
  #closed = false;

  constructor(parts: RedisProgressParts) {
    this.#parts = parts;
    this.#trustedFrom = parts.startIndex;
  }

  get state(): SyncState {
    return this.#state;
  }

  /**
   * Log index that Redis reflects where it is written.
   * @throws RedisUnavailable unless it shows what earlier leaders acknowledged
   */
  readableIndex(): number {
    if (this.#state.kind !== "in-step") throw new RedisUnavailable(this.#state.reason);
    if (!this.#parts.backlog.open) throw new RedisUnavailable("it is being brought up to date");
    return this.#redisIndex;
  }

  /** True once Redis reflects the log up to `index`; false where it does not in two seconds. */
  reached(index: number): Promise<boolean> {
    if (this.#redisIndex >= index || this.#closed) return Promise.resolve(!this.#closed);
    return new Promise((resolve) => {
      const settle = (isReached: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        resolve(isReached);
      };
      const timer = setTimeout(() => settle(false), REACH_MS);
      const waiting = { index, settle };
      this.#waiting.add(waiting);
    });
  }

  /** Nothing is read any more; who waits is told false. */
  close(): void {
    this.#closed = true;
    for (const { settle } of this.#waiting) settle(false);
  }

  onState(state: SyncState): void {
    const { backlog, logger } = this.#parts;
    const { kind } = this.#state;
    this.#state = state;
    if (state.kind !== "in-step") backlog.invalidate();
    if (state.kind === kind) return;
    if (state.kind === "in-step") logger.info({}, "Redis follows the log");
    else logger.warn({ reason: state.reason }, "Redis is behind the log");
  }

  async onProgress(redisIndex: number, outcomes: readonly ApplyOutcome[]): Promise<boolean> {
    const { log, foresight, retention, dependents, pending, turn } = this.#parts;
    this.#redisIndex = redisIndex;
    for (const { index, settle } of this.#waiting) if (index <= redisIndex) settle(true);
    log.redisReached(redisIndex);
    this.#learnAll(redisIndex, outcomes);
    // Only now: what an outcome tells may be overtaken by a later entry of the same batch.
    const hasPromoted = foresight.redisReached(redisIndex);
    retention.redisReached(redisIndex);
    dependents.redisReached(redisIndex);
    if (this.#closed || redisIndex < this.#trustedFrom) return true;
    try {
      await this.#read(redisIndex, hasPromoted);
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      this.#parts.backlog.invalidate();
      return false;
    } finally {
      if (pending.size > 0) turn.request();
    }
    return true;
  }

  async #read(redisIndex: number, hasPromoted: boolean): Promise<void> {
    const { backlog, committedLog, dependents, log, promotions, reader } = this.#parts;
    const isOpening = !backlog.open;
    const entriesWait = (): boolean => committedLog.appliedIndex() > redisIndex;
    await backlog.supply(redisIndex, log.nextIndex() - 1, entriesWait);
    if (isOpening) await dependents.opened();
    if (hasPromoted || isOpening) {
      const nextMs = await reader.reflecting(redisIndex, () => reader.nextScheduledAtMs());
      promotions.promoted(nextMs);
    }
  }

  #learnAll(redisIndex: number, outcomes: readonly ApplyOutcome[]): void {
    const trustedBefore = this.#trustedFrom;
    for (const outcome of outcomes) {
      if (outcome.index > trustedBefore) this.#learn(outcome);
      this.#trustedFrom = Math.max(this.#trustedFrom, outcome.index);
    }
    this.#trustedFrom = Math.max(this.#trustedFrom, redisIndex);
  }

  /** What only Redis knew: tasks that became pending by name only, and contradictions. */
  #learn(outcome: ApplyOutcome): void {
    const { foresight, pending, dependents, definitions, logger } = this.#parts;
    const retried = outcome.retried.flatMap((one) => (one.result === "pending" ? one.task : []));
    dependents.learn(outcome);
    // Calls of one entry are applied in turn: what one of them runs again the next may cancel.
    const isCancelled = ({ id }: { readonly id: string }): boolean =>
      foresight.isCancelledBy(id, outcome.index);
    for (const task of [...outcome.promoted, ...retried.filter((one) => !isCancelled(one))]) {
      if (foresight.isTakenSince(task.id, outcome.index)) continue;
      pending.add(pendingFromRedis(task), outcome.index);
    }
    for (const { id } of outcome.duplicates) {
      const bySequence = pending.get(id)?.sequence ?? 0;
      if (bySequence >= taskSequence(outcome.index, 0)) pending.remove(id);
      // An occurrence of a schedule whose key another task has is passed over.
      const { schedule = "" } = definitions.get(id) ?? {};
      if (schedule !== "" || dependents.decisions.isOpen(id)) continue;
      logger.warn({ taskId: id, index: outcome.index }, "a known task was submitted again");
    }
    for (const { id, reason } of outcome.contradictions) {
      logger.error({ taskId: id, index: outcome.index, reason }, "Redis contradicts the log");
    }
  }
}
