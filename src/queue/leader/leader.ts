// What a node does while it leads: the proposer, the backlog, the workers' leases and Redis, put
// together for one term and taken apart at its end.
import type { Command } from "../../gen/mesh/v1/command.js";
import type { SubmitTaskResult, SubmitTasksRequest } from "../../gen/mesh/v1/task_service.js";
import type { WorkerHello } from "../../gen/mesh/v1/worker_service.js";
import type { QueueChange } from "../state/assignment-table.js";
import { Backlog } from "./backlog.js";
import { createPolicy } from "../balancing/create-policy.js";
import type { BalancerPolicy } from "../balancing/policy.js";
import { QueueControls } from "../controls/queue-controls.js";
import { QueueGates } from "../controls/queue-gates.js";
import { noLongerLeading, QueueError } from "../errors.js";
import { Dependents } from "./dependents.js";
import { CountedLog } from "./counted-log.js";
import { KnownTypes } from "./known-types.js";
import type { LeaderParts, LeaderReader } from "./leader-parts.js";
import { EntryProposer } from "./entry-proposer.js";
import { PendingSet } from "../pending/pending-set.js";
import { pendingFromRedis } from "../task/pending-task.js";
import { PromotionClock } from "./promotion-clock.js";
import type { ApplyOutcome } from "../redis/apply-outcome.js";
import { RedisUnavailable } from "../redis/errors.js";
import { taskSequence } from "../state/task-sequence.js";
import { RedisSync, type SyncState } from "./redis-sync.js";
import { Retention } from "./retention.js";
import { RunningAttempts } from "./running-attempts.js";
import { Schedules } from "../schedules/schedules.js";
import { Submissions } from "./submissions.js";
import { HoldUps } from "../why/hold-ups.js";
import { Placements } from "../why/placements.js";
import { type AttachedWorker, WorkerDirectory } from "./worker-directory.js";

/** Submitted tasks that wait for an entry; past it a submission is refused. */
const MAX_WAITING_SUBMISSIONS = 50_000;
/** Cancellations and retries that wait for the log or for Redis; past it one is refused. */
const MAX_CHANGES_UNDER_WAY = 20_000;
/** How often silent nodes are looked for. */
const SWEEP_MS = 100;
const OVERLOADED_RETRY_MS = 1_000;

export type { LeaderLogger, LeaderParts, LeaderReader, LeaderSettings } from "./leader-parts.js";

export class QueueLeader {
  readonly #parts: LeaderParts;
  readonly workers: WorkerDirectory;
  readonly schedules: Schedules;
  readonly queues: QueueControls;
  readonly attempts: RunningAttempts;
  readonly placements = new Placements();
  readonly holdUps: HoldUps;
  readonly #types: KnownTypes;
  readonly #pending: PendingSet;
  readonly #monotonicMs: () => number;
  readonly #promotions: PromotionClock;
  readonly #proposer: EntryProposer;
  readonly #backlog: Backlog;
  readonly #sync: RedisSync;
  readonly #submissions: Submissions;
  readonly #retention: Retention;
  readonly #lifecycle: Dependents;
  readonly #log: CountedLog;
  /**
   * Redis tells something new past this entry: where it stands before it, as when it lost writes, it
   * shows tasks as pending that have been given away long since.
   */
  #trustedFrom: number;
  #syncState: SyncState = { kind: "in-step" };
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: LeaderParts) {
    this.#parts = parts;
    const { settings, now, table, pendingLimits: limits } = parts;
    const gates = new QueueGates(parts.queues, table.all());
    const policy = createPolicy(settings.balancer, parts.random);
    this.#pending = new PendingSet({ limits, gate: gates, agingMs: settings.agingMs });
    this.#log = new CountedLog(parts.log);
    this.#trustedFrom = parts.startIndex;
    this.#monotonicMs = parts.monotonicMs ?? (() => performance.now());
    this.workers = new WorkerDirectory(
      settings.leaseMs,
      this.#monotonicMs(),
      settings.handoverMs,
      parts.drains,
    );
    const { workers } = this;
    this.#types = new KnownTypes({ workers, acceptUnknown: settings.acceptUnknownTypes, now });
    this.#promotions = new PromotionClock(now, () => this.#proposer.requestFlush());
    this.#proposer = new EntryProposer(
      {
        log: this.#log,
        table,
        workers,
        policy,
        gates,
        promotions: this.#promotions,
        placements: this.placements,
        onSubmit: (tasks, index) => this.#lifecycle.expect(tasks, index),
        now,
        onLost: parts.onLost,
      },
      this.#pending,
    );
    this.attempts = new RunningAttempts({ ...parts, workers, proposer: this.#proposer });
    this.#backlog = new Backlog(
      this.#pending,
      parts.reader,
      (id) => this.#isTaken(id),
      parts.backlogReadLimit,
    );
    this.holdUps = this.#seenFrom(gates, policy);
    const events = {
      onProgress: this.#redisProgress.bind(this),
      onState: this.#syncChanged.bind(this),
    };
    this.#sync = new RedisSync(parts.committedLog, parts.applier, events, parts.snapshots);
    this.#retention = new Retention({
      settings: settings.retention,
      now,
      ended: () => this.#read((reader) => reader.ended()),
      propose: (value) => this.command({ $case: "expire", value }),
    });
    this.#lifecycle = new Dependents({
      now,
      reader: parts.reader,
      running: () => table.all(),
      propose: (kind) => this.command(kind),
      expectScheduled: (atMs) => this.#promotions.expect(atMs),
    });
    this.#submissions = new Submissions({
      ...parts,
      decisions: this.#lifecycle.decisions,
      defaults: settings.defaults,
      propose: (tasks) => this.#proposer.submit(tasks),
      takesType: (type) => this.#types.takes(type),
      whyNoType: (type) => this.#types.whyNot(type),
      isAtHand: (id) => this.#proposer.isAtHand(id),
      redisIndex: () => this.#readableIndex(),
    });
    this.queues = new QueueControls(parts.queues, (kind) => this.command(kind));
    this.schedules = new Schedules({
      table: parts.schedules,
      now,
      propose: (kind) => this.command(kind),
      fire: (fires) => this.#proposer.fire(fires),
      waitingFires: () => this.#proposer.waitingFires,
      dropFires: (name) => this.#proposer.dropFires(name),
      define: async (request) => {
        await this.#types.settled([request]);
        return this.#submissions.define(request);
      },
    });
  }

  start(): void {
    this.#sync.start();
    this.#retention.start();
    this.schedules.start();
    this.#sweep = setInterval(() => this.#releaseSilent(), SWEEP_MS);
  }

  /** Refuses what waits, and ends the writing to Redis. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweep);
    this.#promotions.stop();
    this.#retention.stop();
    this.#lifecycle.stop();
    this.schedules.stop();
    this.#types.close();
    this.#proposer.close(noLongerLeading());
    await this.#sync.stop();
  }

  #seenFrom(gates: QueueGates, policy: BalancerPolicy): HoldUps {
    return new HoldUps({
      gates,
      policy,
      workers: this.workers,
      isAtHand: (id) => this.#pending.get(id) !== undefined,
      claimedAt: (id) => this.#proposer.claimedAt(id),
      redis: () => ({ state: this.#syncState, isRead: this.#backlog.open }),
      now: this.#parts.now,
    });
  }

  get redisState(): SyncState {
    return this.#syncState;
  }

  async submit(request: SubmitTasksRequest): Promise<SubmitTaskResult[]> {
    this.#refuseOverload();
    await this.#types.settled(request.items);
    return this.#submissions.submit(request);
  }

  /** Resolves with the index of the committed command. @throws QueueError "overloaded" */
  async cancel(id: string): Promise<number> {
    this.#refuseChanges();
    return this.#proposer.cancel(id);
  }

  /** Resolves with the index of the committed command. @throws QueueError "overloaded" */
  async retry(id: string): Promise<number> {
    this.#refuseChanges();
    return this.#proposer.retry(id);
  }

  /** Resolves with the index of the committed command. */
  command(kind: NonNullable<Command["kind"]>): Promise<number> {
    return this.#proposer.command({ kind });
  }

  attach(hello: WorkerHello): AttachedWorker {
    const { logger } = this.#parts;
    const worker = this.workers.attach(
      hello,
      this.#proposer.runningOn(hello.nodeId),
      this.#monotonicMs(),
    );
    logger.info({ worker: hello.nodeId, concurrency: hello.concurrency }, "worker attached");
    this.#types.attached();
    this.#proposer.requestFlush();
    return worker;
  }

  detach(nodeId: string): void {
    this.workers.detach(nodeId);
    this.#types.detached();
  }

  granted(nodeId: string): void {
    const mayTakeWork = this.workers.get(nodeId)?.leased === true;
    this.workers.granted(nodeId, this.#monotonicMs());
    if (!mayTakeWork) this.#proposer.requestFlush();
  }

  /**
   * No more work for the process of the node that was started then, 0 for whatever ran until now.
   * Resolves when that is committed.
   */
  async drain(nodeId: string, startedAtMs: number): Promise<void> {
    this.workers.drain(nodeId);
    await this.command({ $case: "drainNode", value: { nodeId, startedAtMs } });
  }

  /** A committed entry was applied to the table. */
  committed(changes: readonly QueueChange[]): void {
    this.#proposer.committed(changes);
    this.attempts.committed();
    this.#sync.wake();
  }

  /** Redis may answer again. */
  redisConnected(): void {
    this.#sync.retryNow();
  }

  #refuseOverload(): void {
    const waiting = this.#proposer.backlog;
    if (waiting >= MAX_WAITING_SUBMISSIONS) {
      throw overloaded(`${waiting} submissions wait for the log`);
    }
    this.#refuseUnapplied();
  }

  #refuseChanges(): void {
    const underWay = this.#proposer.changesUnderWay;
    if (underWay >= MAX_CHANGES_UNDER_WAY) {
      throw overloaded(`${underWay} cancellations and retries are under way`);
    }
    this.#refuseUnapplied();
  }

  #refuseUnapplied(): void {
    const { unappliedBytes } = this.#log;
    if (unappliedBytes < this.#parts.settings.maxUnappliedBytes) return;
    throw overloaded(`${unappliedBytes} bytes of committed work wait for Redis`);
  }

  #readableIndex(): number {
    if (this.#syncState.kind !== "in-step") throw new RedisUnavailable(this.#syncState.reason);
    if (!this.#backlog.open) throw new RedisUnavailable("it is being brought up to date");
    return this.#sync.redisIndex ?? 0;
  }

  /** @throws RedisUnavailable where what is read is behind what was written */
  #read<T>(read: (reader: LeaderReader) => Promise<T>): Promise<T> {
    return this.#parts.reader.reflecting(this.#sync.redisIndex ?? 0, () =>
      read(this.#parts.reader),
    );
  }

  async #redisProgress(redisIndex: number, outcomes: readonly ApplyOutcome[]): Promise<boolean> {
    this.#log.redisReached(redisIndex);
    const trustedBefore = this.#trustedFrom;
    for (const outcome of outcomes) {
      if (outcome.index > trustedBefore) this.#learn(outcome);
      this.#trustedFrom = Math.max(this.#trustedFrom, outcome.index);
    }
    this.#trustedFrom = Math.max(this.#trustedFrom, redisIndex);
    // Only now: what an outcome tells may be overtaken by a later entry of the same batch.
    const promoted = this.#proposer.redisReached(redisIndex);
    this.#retention.redisReached(redisIndex);
    this.#lifecycle.redisReached(redisIndex);
    if (this.#closed || redisIndex < this.#trustedFrom) return true;
    try {
      const opening = !this.#backlog.open;
      const entriesWait = (): boolean => this.#parts.committedLog.appliedIndex() > redisIndex;
      await this.#backlog.supply(redisIndex, this.#parts.log.nextIndex() - 1, entriesWait);
      if (opening) await this.#lifecycle.opened();
      if (promoted || opening) {
        this.#promotions.promoted(await this.#read((reader) => reader.nextScheduledAtMs()));
      }
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      this.#backlog.invalidate();
      return false;
    } finally {
      if (this.#pending.size > 0) this.#proposer.requestFlush();
    }
    return true;
  }

  /** What only Redis knew: tasks that became pending by name only, and contradictions. */
  #learn(outcome: ApplyOutcome): void {
    const { logger } = this.#parts;
    const retried = outcome.retried.flatMap((one) => (one.result === "pending" ? one.task : []));
    this.#lifecycle.learn(outcome);
    for (const task of [...outcome.promoted, ...retried]) {
      if (this.#proposer.isTakenSince(task.id, outcome.index)) continue;
      this.#pending.add(pendingFromRedis(task), outcome.index);
    }
    for (const { id } of outcome.duplicates) {
      const bySequence = this.#pending.get(id)?.sequence ?? 0;
      if (bySequence >= taskSequence(outcome.index, 0)) this.#pending.remove(id);
      // An occurrence of a schedule whose key another task has is passed over.
      const { schedule = "" } = this.#parts.definitions.get(id) ?? {};
      if (schedule !== "" || this.#lifecycle.decisions.isOpen(id)) continue;
      logger.warn({ taskId: id, index: outcome.index }, "a known task was submitted again");
    }
    for (const { id, reason } of outcome.contradictions) {
      logger.error({ taskId: id, index: outcome.index, reason }, "Redis contradicts the log");
    }
  }

  #isTaken(id: string): boolean {
    return this.#proposer.isClaimed(id) || this.#parts.table.get(id) !== undefined;
  }

  #syncChanged(state: SyncState): void {
    const { kind } = this.#syncState;
    this.#syncState = state;
    if (state.kind !== "in-step") this.#backlog.invalidate();
    if (state.kind === kind) return;
    if (state.kind === "in-step") this.#parts.logger.info({}, "Redis follows the log");
    else this.#parts.logger.warn({ reason: state.reason }, "Redis is behind the log");
  }

  #releaseSilent(): void {
    if (this.#parts.mayRelease?.() === false) return;
    this.attempts.releaseLost(this.#monotonicMs());
    this.#proposer.requestFlush();
  }
}

function overloaded(reason: string): QueueError {
  return new QueueError("overloaded", reason, { retryAfterMs: OVERLOADED_RETRY_MS });
}
