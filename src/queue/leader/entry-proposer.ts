// The leader's end of the log for one term: it turns submissions, reports and losses into log
// entries, and hands pending tasks to free slots as it writes them.
//
// It works on the state as it will be once its own proposals are committed: a task that it proposed
// to assign is no longer pending for it, a slot that it proposed to free is free. Should a proposal
// be lost, so is the proposer: the next one begins with the log as it is.
import type { Command, Finish, Release } from "../../gen/mesh/v1/command.js";
import { CommandBatch } from "../../gen/mesh/v1/command.js";
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { AssignmentTable, QueueChange, RunningTask } from "../state/assignment-table.js";
import type { BalancerPolicy } from "../balancing/policy.js";
import { QueueAlarm } from "../controls/queue-alarm.js";
import type { QueueGates } from "../controls/queue-gates.js";
import { noLongerLeading, QueueError } from "../errors.js";
import { commandsOf, type Outgoing, OutgoingCommands } from "./outgoing-commands.js";
import type { PendingSet } from "../pending/pending-set.js";
import { isOverdue, pendingFromDefinition, pendingFromRelease } from "../task/pending-task.js";
import type { PromotionClock } from "./promotion-clock.js";
import { dependsOnOthers } from "../state/definition-rules.js";
import type { Fire } from "../schedules/schedule-clock.js";
import { taskSequence } from "../state/task-sequence.js";
import { schedule } from "./matching.js";
import type { Placements } from "../why/placements.js";
import type { WorkerDirectory } from "./worker-directory.js";

/** Entries under way to the quorum; what comes meanwhile joins the next one. */
const MAX_ENTRIES_IN_FLIGHT = 4;
const MAX_ASSIGNMENTS_PER_ENTRY = 1_000;
const MAX_PROMOTIONS_PER_ENTRY = 1_000;

export type LogProposal =
  | { readonly kind: "accepted"; readonly index: number; readonly committed: Promise<void> }
  | { readonly kind: "refused"; readonly reason: string };

/** The leader's end of the log. */
export interface CommandLog {
  /** Index that the next proposal will get. */
  nextIndex(): number;
  /** False while proposals would be refused and may be taken later. */
  writable(): boolean;
  propose(data: Uint8Array): LogProposal;
}

export interface EntryProposerParts {
  readonly log: CommandLog;
  readonly table: AssignmentTable;
  readonly workers: WorkerDirectory;
  readonly policy: BalancerPolicy;
  /** The same that `pending` asks. */
  readonly gates: QueueGates;
  readonly promotions: PromotionClock;
  /** Told why tasks were given to the nodes that they were given to. */
  readonly placements: Placements;
  /** These tasks are submitted by the entry at `index`. */
  readonly onSubmit: (tasks: readonly TaskDefinition[], index: number) => void;
  /** Milliseconds since the epoch, never going back. */
  readonly now: () => number;
  /** Called once, when the proposer can no longer trust its picture; it has closed itself by then. */
  readonly onLost: (reason: string) => void;
}

export class EntryProposer {
  readonly #parts: EntryProposerParts;
  readonly #outgoing = new OutgoingCommands();
  /** Running tasks whose end is proposed: their slots count as free. Bounded by the slots. */
  readonly #ending = new Set<string>();
  /**
   * Tasks proposed to be assigned, with the entry's index, until Redis reflects it; in its order. Bounded
   * by what may be committed and not applied: an assignment takes its bytes of that.
   */
  readonly #claimed = new Map<string, number>();
  /** Tasks proposed to be cancelled, until Redis reflects it. Bounded by the leader: see changesUnderWay. */
  readonly #cancelling = new Map<string, number>();
  /** Entry of the promotion that Redis has not applied yet. */
  #promotionIndex: number | undefined;
  readonly #alarm = new QueueAlarm(() => this.requestFlush());
  #inFlight = 0;
  #flushing: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(
    parts: EntryProposerParts,
    readonly pending: PendingSet,
  ) {
    this.#parts = parts;
  }

  /** Submitted tasks that are not in an entry yet. */
  get backlog(): number {
    return this.#outgoing.submitCount;
  }

  /** Cancellations that Redis does not reflect yet, and retries that are not in an entry yet. */
  get changesUnderWay(): number {
    return this.#outgoing.retryCount + this.#cancelling.size;
  }

  /** Resolves with the index under which the tasks were committed. */
  submit(tasks: readonly TaskDefinition[]): Promise<number> {
    return this.#add(() => this.#outgoing.submit(tasks));
  }

  /** Resolves with the index of the committed command; Redis knows whether it changed anything. */
  cancel(id: string): Promise<number> {
    return this.#add(() => {
      this.pending.remove(id);
      const running = this.#parts.table.get(id);
      if (running !== undefined && !this.#ending.has(id)) {
        this.#ending.add(id);
        this.#freeSlot(running);
      }
      this.#cancelling.set(id, Infinity);
      return this.#outgoing.cancel(id);
    });
  }

  retry(id: string): Promise<number> {
    return this.#add(() => this.#outgoing.retry(id));
  }

  /** Resolves with the index of the committed command, of a kind that no picture here depends on. */
  command(command: Command): Promise<number> {
    return this.#add(() => this.#outgoing.other(command));
  }

  /** Occurrences of schedules that are not in an entry yet. */
  get waitingFires(): number {
    return this.#outgoing.fireCount;
  }

  /** Submits occurrences of schedules, each noted in the very entry that submits it. */
  fire(fires: readonly Fire[]): void {
    if (this.#closed) return;
    this.#outgoing.fire(fires);
    this.requestFlush();
  }

  /** Occurrences of the schedule that are in no entry yet will be in none. */
  dropFires(schedule: string): void {
    this.#outgoing.dropFires(schedule);
  }

  /** Ends an attempt, unless its fence is old or its end is proposed already. */
  finish(finish: Finish): boolean {
    const running = this.#beginEnding(finish.taskId, finish.fence);
    if (running === undefined) return false;
    this.#freeSlot(running);
    if (finish.outcome?.$case === "retry") {
      this.#parts.promotions.expect(finish.outcome.value.runAtMs);
    }
    this.#outgoing.finish(finish);
    this.requestFlush();
    return true;
  }

  /** Takes a task away from its node, unless its fence is old or its end is proposed already. */
  release(release: Release): boolean {
    const running = this.#beginEnding(release.taskId, release.fence);
    if (running === undefined) return false;
    this.#freeSlot(running);
    this.#outgoing.release(release);
    this.requestFlush();
    return true;
  }

  /** Slots of a node that are taken, as they will be once what is proposed is committed. */
  runningOn(nodeId: string): number {
    let running = 0;
    for (const { assignment } of this.#parts.table.ofNode(nodeId)) {
      if (!this.#ending.has(assignment.taskId)) running += 1;
    }
    return running;
  }

  /** True for a task that waits at hand, is being given to a node, or runs. */
  isAtHand(id: string): boolean {
    const { table } = this.#parts;
    return (
      this.pending.get(id) !== undefined || this.#claimed.has(id) || table.get(id) !== undefined
    );
  }

  /** True where the task is being given to a node or taken back, so that Redis is behind. */
  isClaimed(id: string): boolean {
    return this.#claimed.has(id) || this.#cancelling.has(id);
  }

  /** Entry that gives the task to a node, until Redis reflects it. */
  claimedAt(id: string): number | undefined {
    return this.#claimed.get(id);
  }

  /** True where an entry past `index` gives the task to a node, or cancels it. */
  isTakenSince(id: string, index: number): boolean {
    const claimedAt = this.#claimed.get(id) ?? 0;
    const cancelledAt = this.#cancelling.get(id) ?? 0;
    return Math.max(claimedAt, cancelledAt) > index || this.#parts.table.get(id) !== undefined;
  }

  /** A committed entry was applied to the table. */
  committed(changes: readonly QueueChange[]): void {
    for (const change of changes) {
      switch (change.kind) {
        case "finished":
        case "released":
          this.#ending.delete(change.running.assignment.taskId);
          break;
        case "cancelled":
        case "overdue":
          // Its assignment may have been on its way when the end was asked for: no slot was freed.
          if (change.running !== undefined && !this.#ending.has(change.taskId)) {
            this.#freeSlot(change.running);
          }
          this.#ending.delete(change.taskId);
          break;
        case "submitted":
        case "assigned":
        case "retried":
        case "settled":
          break;
      }
    }
  }

  /**
   * Redis reflects the log up to here.
   *
   * @returns whether a promotion was among what it applied: ask for the next due time
   */
  redisReached(index: number): boolean {
    for (const [id, at] of this.#claimed) {
      if (at > index) break;
      this.#claimed.delete(id);
    }
    for (const [id, at] of this.#cancelling) if (at <= index) this.#cancelling.delete(id);
    if (this.#promotionIndex === undefined || this.#promotionIndex > index) return false;
    this.#promotionIndex = undefined;
    return true;
  }

  /** Slots or tasks may have appeared: look at the end of this turn. */
  requestFlush(): void {
    if (this.#closed) return;
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      this.#flush();
    });
  }

  close(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#flushing);
    this.#alarm.stop();
    this.#outgoing.rejectAll(error);
  }

  #add(enqueue: () => Promise<number>): Promise<number> {
    if (this.#closed) return Promise.reject(noLongerLeading());
    const index = enqueue();
    this.requestFlush();
    return index;
  }

  #beginEnding(taskId: string, fence: number) {
    const running = this.#parts.table.get(taskId);
    if (this.#closed || running?.fence !== fence || this.#ending.has(taskId)) return undefined;
    this.#ending.add(taskId);
    return running;
  }

  /** Of its node, and of its queue. */
  #freeSlot({ nodeId, assignment }: RunningTask): void {
    this.#parts.workers.occupied(nodeId, -1);
    this.#parts.gates.ended(assignment.queue);
  }

  #flush(): void {
    if (this.#closed || this.#inFlight >= MAX_ENTRIES_IN_FLIGHT || !this.#parts.log.writable()) {
      return;
    }
    const index = this.#parts.log.nextIndex();
    const atMs = this.#parts.now();
    const outgoing = this.#outgoing.take();
    const commands = commandsOf(outgoing);
    this.#foresee(outgoing, index, atMs);
    commands.push(...this.#promote(index, atMs), ...this.#assign(index, atMs));
    if (commands.length === 0) return;
    this.#propose(index, CommandBatch.encode({ atMs, commands }).finish(), outgoing);
    if (!this.#outgoing.empty) this.requestFlush();
  }

  /** What the entry will change, seen ahead: later entries are made on top of it. */
  #foresee(outgoing: Outgoing, index: number, atMs: number): void {
    outgoing.submits.forEach((task, position) => {
      if (task.runAtMs > atMs) this.#parts.promotions.expect(task.runAtMs);
      else if (!dependsOnOthers(task))
        this.pending.add(pendingFromDefinition(task, taskSequence(index, position)), index);
    });
    this.#parts.onSubmit(outgoing.submits, index);
    for (const { taskId, fence, reason, runAtMs } of outgoing.releases) {
      const running = this.#parts.table.get(taskId);
      if (running?.fence !== fence) continue;
      // A cancellation on its way may end this attempt first: the release will change nothing.
      const cancelledAt = this.#cancelling.get(taskId) ?? 0;
      if (cancelledAt > fence && cancelledAt < index) continue;
      if (runAtMs > atMs) this.#parts.promotions.expect(runAtMs);
      else this.pending.add(pendingFromRelease(running, reason), index);
    }
    for (const id of outgoing.cancels) {
      this.#cancelling.set(id, index);
      // This very entry may submit or release it: the cancellation comes after that.
      this.pending.remove(id);
    }
    for (const { kind } of outgoing.others) {
      if (kind?.$case === "overdue") {
        for (const id of kind.value.taskIds) this.#foreseeOverdue(id, index, atMs);
      }
      if (kind?.$case !== "configureQueue") continue;
      // Assignments come last in an entry: from this one on they are as the queue is set now.
      this.#parts.gates.configure(kind.value, atMs);
      this.pending.pauseChanged(kind.value.name);
    }
  }

  /** Its deadline may have been lifted meanwhile: then it is left alone. */
  #foreseeOverdue(id: string, index: number, atMs: number): void {
    const known = this.#parts.table.get(id)?.assignment ?? this.pending.get(id);
    if (known !== undefined && !isOverdue(known, atMs)) return;
    this.#cancelling.set(id, index);
    this.pending.remove(id);
  }

  #promote(index: number, atMs: number): Command[] {
    if (!this.#parts.promotions.take(atMs)) return [];
    this.#promotionIndex = index;
    return [{ kind: { $case: "promote", value: { limit: MAX_PROMOTIONS_PER_ENTRY } } }];
  }

  #assign(index: number, atMs: number): Command[] {
    const { workers, policy, placements, now } = this.#parts;
    const limit = MAX_ASSIGNMENTS_PER_ENTRY;
    const decision = schedule(this.pending, workers, policy, limit, atMs);
    const { assigns, overdue } = decision;
    this.#alarm.set(decision.opensAtMs, now());
    if (assigns.length > 0) placements.record(index, atMs, policy.name, decision);
    const commands: Command[] = assigns.map((value) => ({ kind: { $case: "assign", value } }));
    if (overdue.length > 0) {
      for (const id of overdue) this.#cancelling.set(id, index);
      commands.push({ kind: { $case: "overdue", value: { taskIds: [...overdue] } } });
      this.requestFlush();
    }
    for (const { assignments } of assigns) {
      for (const { taskId } of assignments) {
        this.#claimed.delete(taskId);
        this.#claimed.set(taskId, index);
      }
    }
    return commands;
  }

  #propose(index: number, data: Uint8Array, { waiting }: Outgoing): void {
    const proposal = this.#parts.log.propose(data);
    if (proposal.kind === "refused" || proposal.index !== index) {
      const reason = proposal.kind === "refused" ? proposal.reason : "the log moved";
      const error = new QueueError("outcome_unknown", `the log took no entry: ${reason}`);
      for (const { reject } of waiting) reject(error);
      this.#lose(reason);
      return;
    }
    this.#inFlight += 1;
    proposal.committed.then(
      () => {
        this.#inFlight -= 1;
        for (const { resolve } of waiting) resolve(index);
        this.requestFlush();
      },
      (cause: unknown) => {
        const error = new QueueError("outcome_unknown", "leadership was lost under way", { cause });
        for (const { reject } of waiting) reject(error);
        this.#lose("a proposal was lost");
      },
    );
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    // What is in no entry yet was surely not kept.
    this.close(new QueueError("not_leader", `the leader is closed: ${reason}`));
    this.#parts.onLost(reason);
  }
}
