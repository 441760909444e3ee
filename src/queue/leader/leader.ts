// What a node does while it leads: the proposer, the backlog, the workers' leases and Redis, put
// together for one term and taken apart at its end.
import type { Command } from "../../gen/mesh/v1/command.js";
import type { Operation } from "../../gen/mesh/v1/operation.js";
import type { WorkerHello } from "../../gen/mesh/v1/worker_service.js";
import type { QueueChange } from "../state/assignment-table.js";
import { Admission } from "./admission.js";
import { Backlog } from "./backlog.js";
import { createPolicy } from "../balancing/create-policy.js";
import { QueueControls } from "../controls/queue-controls.js";
import { QueueGates } from "../controls/queue-gates.js";
import { noLongerLeading } from "../errors.js";
import { Dependents } from "./dependents.js";
import { CountedLog } from "./counted-log.js";
import { EndOfTurn } from "./end-of-turn.js";
import { Foresight } from "./foresight.js";
import { KnownTypes } from "./known-types.js";
import type { LeaderParts } from "./leader-parts.js";
import { EntryProposer } from "./entry-proposer.js";
import { Operations } from "./operations.js";
import { PendingSet } from "../pending/pending-set.js";
import { PromotionClock } from "./promotion-clock.js";
import { RedisProgress } from "./redis-progress.js";
import { RedisSync, type SyncState } from "./redis-sync.js";
import { Retention } from "./retention.js";
import { RunningAttempts } from "./running-attempts.js";
import { Schedules } from "../schedules/schedules.js";
import { Submissions } from "./submissions.js";
import { HoldUps } from "../why/hold-ups.js";
import { Placements } from "../why/placements.js";
import { type AttachedWorker, WorkerDirectory } from "./worker-directory.js";

/** How often silent nodes are looked for. */
const SWEEP_MS = 100;

export type { LeaderLogger, LeaderParts, LeaderReader, LeaderSettings } from "./leader-parts.js";

export class QueueLeader {
  readonly #parts: LeaderParts;
  readonly workers: WorkerDirectory;
  readonly schedules: Schedules;
  readonly queues: QueueControls;
  readonly attempts: RunningAttempts;
  readonly submissions: Submissions;
  readonly operations: Operations;
  readonly placements = new Placements();
  readonly holdUps: HoldUps;
  readonly #monotonicMs: () => number;
  readonly #types: KnownTypes;
  readonly #turn = new EndOfTurn(() => this.#propose());
  readonly #promotions: PromotionClock;
  readonly #foresight: Foresight;
  readonly #proposer: EntryProposer;
  readonly #dependents: Dependents;
  readonly #retention: Retention;
  readonly #progress: RedisProgress;
  readonly #sync: RedisSync;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: LeaderParts) {
    this.#parts = parts;
    const { settings, now, table, reader, committedLog } = parts;
    this.#monotonicMs = parts.monotonicMs ?? (() => performance.now());
    const workers = new WorkerDirectory(
      settings.leaseMs,
      this.#monotonicMs(),
      settings.handoverMs,
      parts.drains,
    );
    const gates = new QueueGates(parts.queues, table.all());
    const policy = createPolicy(settings.balancer, parts.random);
    const { agingMs } = settings;
    const pending = new PendingSet({ limits: parts.pendingLimits, gate: gates, agingMs });
    const log = new CountedLog(parts.log);
    const turn = this.#turn;
    const promotions = new PromotionClock(now, () => turn.request());
    const foresight = new Foresight({
      ...{ table, workers, gates, pending, promotions },
      operations: parts.operations,
    });
    const placing = { workers, policy, placements: this.placements };
    const proposer = new EntryProposer({
      ...{ log, foresight, pending, promotions, turn, now, ...placing },
      onLost: parts.onLost,
    });
    const backlog = new Backlog(pending, reader, foresight, parts.backlogReadLimit);
    const dependents = new Dependents({ now, reader, table, proposer, promotions });
    const retention = new Retention({ settings: settings.retention, now, reader, proposer });
    const progress = new RedisProgress({
      ...{ log, pending, backlog, foresight, promotions, dependents, retention, turn },
      ...{ startIndex: parts.startIndex, definitions: parts.definitions },
      ...{ committedLog, reader, logger: parts.logger },
    });
    const types = new KnownTypes({
      workers,
      acceptUnknown: settings.acceptUnknownTypes,
      monotonicMs: this.#monotonicMs,
    });
    const { maxUnappliedBytes } = settings;
    const admission = new Admission({
      ...{ log, proposer, foresight, maxUnappliedBytes },
      operations: parts.operations,
    });
    const operations = new Operations({ table: parts.operations, proposer, admission, now });
    this.submissions = new Submissions({
      ...parts,
      ...{ admission, proposer, types, foresight, progress },
      decisions: dependents.decisions,
      defaults: settings.defaults,
    });
    this.#sync = new RedisSync(committedLog, parts.applier, progress, parts.snapshots);
    this.attempts = new RunningAttempts({ ...parts, workers, proposer });
    this.holdUps = new HoldUps({
      ...{ gates, policy, workers, now },
      isAtHand: (id) => pending.get(id) !== undefined,
      claimedAt: (id) => foresight.claimedAt(id),
      redis: () => ({ state: progress.state, isRead: backlog.open }),
    });
    this.queues = new QueueControls(parts.queues, operations);
    this.schedules = new Schedules({
      table: parts.schedules,
      now,
      proposer,
      operations,
      templates: this.submissions,
    });
    this.operations = operations;
    this.workers = workers;
    this.#types = types;
    this.#promotions = promotions;
    this.#foresight = foresight;
    this.#proposer = proposer;
    this.#dependents = dependents;
    this.#retention = retention;
    this.#progress = progress;
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
    this.#turn.stop();
    this.#promotions.stop();
    this.#retention.stop();
    this.#dependents.stop();
    this.schedules.stop();
    this.#types.close();
    this.#progress.close();
    this.#proposer.close(noLongerLeading());
    await this.#sync.stop();
  }

  get redisState(): SyncState {
    return this.#progress.state;
  }

  /** Resolves with the index of the committed command. */
  command(kind: NonNullable<Command["kind"]>): Promise<number> {
    return this.#proposer.command(kind);
  }

  attach(hello: WorkerHello): AttachedWorker {
    const { logger } = this.#parts;
    const worker = this.workers.attach(
      hello,
      this.#foresight.runningOn(hello.nodeId),
      this.#monotonicMs(),
    );
    logger.info({ worker: hello.nodeId, concurrency: hello.concurrency }, "worker attached");
    this.#types.attached();
    this.#turn.request();
    return worker;
  }

  detach(nodeId: string): void {
    this.workers.detach(nodeId);
    this.#types.detached();
  }

  granted(nodeId: string): void {
    const mayTakeWork = this.workers.get(nodeId)?.leased === true;
    this.workers.granted(nodeId, this.#monotonicMs());
    if (!mayTakeWork) this.#turn.request();
  }

  /**
   * No more work for the process of the node that was started then, 0 for whatever ran until now.
   * Resolves when that is committed.
   */
  async drain(
    operation: Operation | undefined,
    nodeId: string,
    startedAtMs: number,
  ): Promise<void> {
    const value = { nodeId, startedAtMs };
    const { isFirst } = await this.operations.run(operation, { $case: "drainNode", value });
    if (isFirst) this.workers.drain(nodeId);
  }

  /** A committed entry was applied to the table. */
  committed(changes: readonly QueueChange[]): void {
    this.#foresight.committed(changes);
    this.attempts.committed();
    this.#sync.wake();
  }

  /** Redis may answer again. */
  redisConnected(): void {
    this.#sync.retryNow();
  }

  #propose(): void {
    const proposed = this.#proposer.propose();
    if (proposed !== undefined) this.#dependents.expect(proposed);
  }

  #releaseSilent(): void {
    if (this.#parts.mayRelease?.() === false) return;
    this.attempts.releaseLost(this.#monotonicMs());
    this.#turn.request();
  }
}
