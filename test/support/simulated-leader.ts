// A leader's leader over a simulated log and Redis: entries are committed when the test says so, and a
// second state, always whole, tells what the log means.
import { expect, vi } from "vitest";
import { type Command, CommandBatch, type OperateCommand } from "../../src/gen/mesh/v1/command.js";
import type { Operation } from "../../src/gen/mesh/v1/operation.js";
import type { QueueLimits } from "../../src/gen/mesh/v1/queue.js";
import type { TaskReport } from "../../src/gen/mesh/v1/worker_service.js";
import type { SubmitTaskRequest } from "../../src/gen/mesh/v1/task_service.js";
import { LogClock } from "../../src/queue/log-time/log-clock.js";
import { AssignmentTable } from "../../src/queue/state/assignment-table.js";
import type { Operated } from "../../src/queue/leader/operations.js";
import { pendingAnswer } from "../../src/queue/state/operation-answers.js";
import { stepsOf } from "../../src/queue/state/operation-steps.js";
import { OperationTable } from "../../src/queue/state/operation-table.js";
import { QueueTable } from "../../src/queue/state/queue-table.js";
import { DefinitionCache } from "../../src/queue/state/definition-cache.js";
import { ScheduleTable } from "../../src/queue/state/schedule-table.js";
import { QueueLeader } from "../../src/queue/leader/leader.js";
import type { CommittedEntry } from "../../src/queue/state/committed-entry.js";
import { FakeClocks } from "./fake-clocks.js";
import { LimitsWatch } from "./limits-watch.js";
import {
  BACKOFF,
  ManualLog,
  NOW_MS,
  operation,
  taskReport,
  turns,
  workerHello,
} from "./queue-fixtures.js";
import { SimulatedRedis } from "./simulated-redis.js";
import { ENDED, TaskStates } from "./task-states.js";

export const LEASE_MS = 1_000;
const HANDOVER_MS = 500;
const OPERATION_LIFETIME_MS = 120_000;
const LIMITS = { maxTasks: 6, minBandCapacity: 3, lowWater: 2, maxIdleBands: 2 };
const READ_LIMIT = 3;
/** Names of the queues that tests use. */
export const QUEUES = ["a", "b"] as const;
const KEPT = { maxAgeMs: 60_000, maxCount: 100 };

export class SimulatedLeader {
  readonly redis = new SimulatedRedis();
  readonly truth = new TaskStates();
  readonly table = new AssignmentTable();
  readonly queues = new QueueTable();
  readonly operations = new OperationTable();
  readonly #schedules = new ScheduleTable();
  #asked = 0;
  readonly entries: CommittedEntry[] = [];
  readonly acknowledged = new Set<string>();
  readonly requests: SubmitTaskRequest[] = [];
  /** Every operation that was sent, in order. */
  readonly calls: { kind: NonNullable<Command["kind"]>; asked: Operation }[] = [];
  /** What must never happen, as it happened. */
  readonly wrong: string[] = [];
  readonly nodes = new Map<string, { readonly concurrency: number; attached: boolean }>();
  readonly clocks = new FakeClocks(NOW_MS);
  readonly #logClock = new LogClock({
    nodeId: "n0",
    clocks: this.clocks,
    voters: () => ["n0", "n1", "n2"],
    tell: () => undefined,
  });
  #lastStampMs = 0;
  /** How far real time is ahead of what the leader's own clock would show, were it right. */
  #setByMs = 0;
  leader: QueueLeader;
  #log: ManualLog;
  readonly #watch = new LimitsWatch();
  readonly #definitions = new DefinitionCache(1_000_000);
  #open = 0;

  constructor() {
    this.#log = new ManualLog(1);
    this.leader = this.#elect();
  }

  /** Calls that have not been answered. */
  get openCalls(): number {
    return this.#open;
  }

  attach(nodeId: string, concurrency = 2): void {
    this.nodes.set(nodeId, { concurrency, attached: true });
    this.leader.attach(workerHello(nodeId, { concurrency }));
    this.leader.granted(nodeId);
  }

  detach(nodeId: string): void {
    const node = this.nodes.get(nodeId);
    if (node !== undefined) node.attached = false;
    this.leader.detach(nodeId);
  }

  submit(request: SubmitTaskRequest, resend = false): void {
    this.requests.push(request);
    this.#follow(
      this.leader.submissions.submit({ items: [request], resend }).then(([result]) => {
        if (result?.outcome?.$case === "submitted") {
          this.acknowledged.add(result.outcome.value.task?.id ?? "");
        }
      }),
    );
  }

  /** Resolves with what came of it, however often it was sent. */
  operate(kind: NonNullable<Command["kind"]>, asked = this.newOperation()): Promise<Operated> {
    this.calls.push({ kind, asked });
    const operated = this.leader.operations.run(asked, kind);
    this.#follow(operated);
    return operated;
  }

  /** A copy of an earlier call comes, as out of the socket of a process that was frozen. */
  operateAgain(at: number): void {
    const call = this.calls[at % Math.max(1, this.calls.length)];
    if (call !== undefined) this.operate(call.kind, call.asked).catch(ignored);
  }

  cancel(id: string, asked = this.newOperation()): void {
    this.operate({ $case: "cancel", value: { taskIds: [id] } }, asked).catch(ignored);
  }

  retry(id: string, asked = this.newOperation()): void {
    const value = { taskIds: [id], onlyDead: false };
    this.operate({ $case: "retry", value }, asked).catch(ignored);
  }

  limit(queue: string, limits: QueueLimits): void {
    this.#follow(this.leader.queues.limit(this.newOperation(), queue, limits));
  }

  pause(queue: string, paused: boolean): void {
    this.#follow(this.leader.queues.pause(this.newOperation(), queue, paused));
  }

  /** Log time as its leader has it. */
  get logNowMs(): number {
    return this.#logClock.now();
  }

  newOperation(): Operation {
    this.#asked += 1;
    return operation(`operation ${this.#asked}`, this.logNowMs + OPERATION_LIFETIME_MS);
  }

  /** The `at`th running task of an attached node ends. */
  report(at: number, outcome?: TaskReport["outcome"]): void {
    const running = [...this.table.all()].filter(({ nodeId }) => this.nodes.get(nodeId)?.attached);
    const one = running[at % Math.max(1, running.length)];
    if (one === undefined) return;
    this.leader.attempts.report(one.nodeId, [
      taskReport(one.assignment.taskId, one.fence, outcome),
    ]);
  }

  /** Commits up to so many entries. */
  commit(count = 1): void {
    for (let done = 0; done < count; done += 1) {
      const proposal = this.#log.take();
      if (proposal === undefined) return;
      this.#apply({ index: proposal.index, term: 1, batch: proposal.batch }, this.leader);
      proposal.resolve();
    }
  }

  /** Somebody is elected: some of what was on its way is kept, the rest is lost. */
  async changeLeader(kept: number): Promise<void> {
    const old = this.leader;
    const kindOf = this.#log.proposed.splice(0);
    await Promise.all([old.close(), vi.advanceTimersByTimeAsync(1_000)]);
    kindOf.forEach(({ index, batch, reject }, at) => {
      if (at < kept) this.#apply({ index, term: 1, batch });
      reject(new Error("leadership was lost"));
    });
    this.#log = new ManualLog(this.entries.length + 1);
    this.leader = this.#elect();
    for (const [nodeId, { concurrency, attached }] of this.nodes) {
      if (!attached) continue;
      this.leader.attach(workerHello(nodeId, { concurrency }));
      this.leader.granted(nodeId);
    }
  }

  /** Somebody sets the leader's clock; the others' stay as they are. */
  setClock(byMs: number): void {
    this.clocks.set(byMs);
    this.#setByMs += byMs;
  }

  async pass(ms: number): Promise<void> {
    this.clocks.pass(ms);
    this.#hearClocks();
    for (const [nodeId, { attached }] of this.nodes) if (attached) this.leader.granted(nodeId);
    await vi.advanceTimersByTimeAsync(ms);
    await turns(2);
  }

  /** The slots that the leader counts are never impossible. */
  checkSlots(): void {
    for (const { id, running, hello } of this.leader.workers.all()) {
      if (running < 0 || running > hello.concurrency) this.wrong.push(`${id} runs ${running}`);
    }
  }

  /** Everything heals: workers are there, Redis answers, what runs completes. */
  async settle(): Promise<void> {
    this.redis.down = false;
    this.redis.answersToLose = 0;
    this.redis.readsAt = undefined;
    for (const [nodeId, { concurrency }] of this.nodes) this.attach(nodeId, concurrency);
    const isSettled = (): boolean =>
      this.#log.proposed.length === 0 &&
      this.#open === 0 &&
      [...this.truth.tasks.values()].every(({ status }) => ENDED.has(status));
    for (let round = 0; round < 400; round += 1) {
      // Asked again: a leader that went may not have kept it. Limits stay, and hold up nobody for good.
      if (round < 3) for (const queue of QUEUES) this.pause(queue, false);
      await turns(3);
      this.commit(10);
      while (this.table.size > 0 && round % 2 === 0) {
        const before = this.#log.proposed.length;
        for (let at = 0; at < this.table.size; at += 1) this.report(at);
        await turns(1);
        if (this.#log.proposed.length === before) break;
        this.commit(10);
      }
      await this.pass(round < 20 ? 20 : 2_000);
      if (isSettled()) break;
    }
    await turns(4);
  }

  async close(): Promise<void> {
    await Promise.all([this.leader.close(), vi.advanceTimersByTimeAsync(1_000)]);
    this.#log.loseAll();
    for (let turn = 0; turn < 100 && this.#open > 0; turn += 1) await turns(1);
    expect(this.#open).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  }

  #follow(call: Promise<unknown>): void {
    this.#open += 1;
    const ended = (): void => void (this.#open -= 1);
    call.then(ended, ended);
  }

  #apply(entry: CommittedEntry, leader?: QueueLeader): void {
    this.entries.push(entry);
    this.#checkStamp(entry.batch?.atMs);
    const { contradictions, duplicates } = this.truth.apply(entry);
    for (const { id, reason } of contradictions) this.wrong.push(`assigned ${id}: ${reason}`);
    for (const { id, existingId } of duplicates) {
      const isUnique = this.requests.some((asked) => asked.id === id && asked.uniqueKey !== "");
      if (!isUnique) this.wrong.push(`submitted twice: ${id}, as ${existingId}`);
    }
    const { atMs, commands } = entry.batch ?? { atMs: 0, commands: [] };
    const begin = (one: OperateCommand): boolean => this.operations.begin(one, entry.index, atMs);
    const changes = [...stepsOf({ atMs, commands }, begin)].flatMap(({ batch, operationId }) => {
      const answer = pendingAnswer({ queues: this.queues, schedules: this.#schedules }, batch);
      this.queues.apply(batch);
      if (operationId !== undefined && answer !== undefined) {
        this.operations.answered(operationId, answer());
      }
      return this.table.apply(entry.index, batch);
    });
    this.wrong.push(...this.#watch.wrongs(entry, this.table));
    for (const change of changes) {
      if (change.kind === "submitted") this.#definitions.add(change.task);
    }
    leader?.committed(changes);
  }

  /** Stamps never go back, and stay with real time. */
  #checkStamp(atMs: number | undefined): void {
    if (atMs === undefined) return;
    if (atMs < this.#lastStampMs) this.wrong.push(`stamped ${this.#lastStampMs}, then ${atMs}`);
    const realMs = this.clocks.wallMs() - this.#setByMs;
    if (atMs > realMs) this.wrong.push(`stamped ${atMs - realMs} ms ahead of real time`);
    this.#lastStampMs = atMs;
    this.#logClock.applied(atMs);
  }

  #hearClocks(): void {
    const wallMs = this.clocks.wallMs() - this.#setByMs;
    for (const peer of ["n1", "n2"]) this.#logClock.heard(peer, { wallMs, roundTripMs: 0 });
  }

  #elect(): QueueLeader {
    this.#hearClocks();
    this.#logClock.end();
    this.#logClock.begin();
    // The first entry of a term is a noop.
    const nothingAtAll = { atMs: 0, commands: [] };
    const noop = this.#log.propose(CommandBatch.encode(nothingAtAll).finish(), nothingAtAll);
    if (noop.kind === "accepted") noop.committed.catch(() => undefined);
    this.#log.take()?.resolve();
    const startIndex = this.entries.length + 1;
    this.#apply({ index: startIndex, term: 1, batch: undefined });
    const log = this.#log;
    const nothing = (): void => undefined;
    const leader = new QueueLeader({
      settings: {
        leaseMs: LEASE_MS,
        handoverMs: HANDOVER_MS,
        losses: { maxLosses: 100, maxLapses: 100, delayMs: 20, maxDelayMs: 100 },
        agingMs: 200,
        balancer: { policy: "least-loaded", weights: new Map(), affinity: new Map() },
        acceptUnknownTypes: true,
        maxUnappliedBytes: 10_000_000,
        retention: { completed: KEPT, dead: KEPT, cancelled: KEPT },
        defaults: { maxAttempts: 3, backoff: BACKOFF, maxDataBytes: 1_000 },
      },
      startIndex,
      log,
      committedLog: {
        firstIndex: () => 1,
        appliedIndex: () => this.entries.length,
        read: (from) => this.entries.slice(from - 1, from + 2),
      },
      applier: this.redis,
      reader: this.redis,
      table: this.table,
      schedules: this.#schedules,
      queues: this.queues,
      operations: this.operations,
      definitions: this.#definitions,
      now: () => this.#logClock.now(),
      monotonicMs: () => this.clocks.monotonicMs(),
      pendingLimits: LIMITS,
      backlogReadLimit: READ_LIMIT,
      random: () => 0.5,
      refusal: () => ({ outcome: undefined }),
      logger: { info: nothing, warn: nothing, error: nothing },
      onLost: nothing,
    });
    leader.start();
    return leader;
  }
}

/** What a call that nobody looks at was refused with. */
function ignored(): void {}
