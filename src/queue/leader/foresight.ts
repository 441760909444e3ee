// The queue as it will be once what this leader has proposed is committed: later entries are made on
// top of it. A task that it proposed to assign is no longer pending, a slot that it proposed to free is
// free. Should a proposal be lost, so is the leader: the next one begins with the log as it is.
import type { AssignCommand, Finish, OperateCommand, Release } from "../../gen/mesh/v1/command.js";
import type { Operation } from "../../gen/mesh/v1/operation.js";
import type { QueueGates } from "../controls/queue-gates.js";
import type { PendingSet } from "../pending/pending-set.js";
import { dependsOnOthers } from "../state/definition-rules.js";
import type { OperationTable } from "../state/operation-table.js";
import { taskSequence } from "../state/task-sequence.js";
import type { AssignmentTable, QueueChange, RunningTask } from "../state/assignment-table.js";
import { isOverdue, pendingFromDefinition, pendingFromRelease } from "../task/pending-task.js";
import type { Outgoing } from "./outgoing-commands.js";
import type { PromotionClock } from "./promotion-clock.js";
import type { WorkerDirectory } from "./worker-directory.js";

export interface ForesightParts {
  readonly table: AssignmentTable;
  readonly workers: WorkerDirectory;
  /** The same that `pending` asks. */
  readonly gates: QueueGates;
  readonly pending: PendingSet;
  readonly promotions: PromotionClock;
  /** The calls that took effect. */
  readonly operations: Pick<OperationTable, "admits">;
}

export class Foresight {
  readonly #parts: ForesightParts;
  /** Running tasks whose end is proposed: their slots count as free. Bounded by the slots. */
  readonly #ending = new Set<string>();
  /**
   * Tasks proposed to be assigned, with the entry's index, until Redis reflects it; in its order. Bounded
   * by what may be committed and not applied: an assignment takes its bytes of that.
   */
  readonly #claimed = new Map<string, number>();
  /** Operations that are proposed, until Redis reflects them. Bounded by the leader: see Admission. */
  readonly #operating = new Map<string, { readonly untilMs: number; readonly index: number }>();
  /** Tasks proposed to be cancelled, until Redis reflects it. Bounded by the operations. */
  readonly #cancelling = new Map<string, number>();
  /** Entry of the promotion that Redis has not applied yet. */
  #promotionIndex: number | undefined;

  constructor(parts: ForesightParts) {
    this.#parts = parts;
  }

  /** Operations that Redis does not reflect yet. */
  get operationsUnderWay(): number {
    return this.#operating.size;
  }

  /** Slots of a node that are taken. */
  runningOn(nodeId: string): number {
    let running = 0;
    for (const { assignment } of this.#parts.table.ofNode(nodeId)) {
      if (!this.#ending.has(assignment.taskId)) running += 1;
    }
    return running;
  }

  /** True for a task that waits at hand, is being given to a node, or runs. */
  isAtHand(id: string): boolean {
    const { table, pending } = this.#parts;
    return pending.get(id) !== undefined || this.#claimed.has(id) || table.get(id) !== undefined;
  }

  /** True for a task that is no longer pending, though Redis may not know it yet. */
  isTaken(id: string): boolean {
    return (
      this.#claimed.has(id) || this.#cancelling.has(id) || this.#parts.table.get(id) !== undefined
    );
  }

  /** Entry that gives the task to a node, until Redis reflects it. */
  claimedAt(id: string): number | undefined {
    return this.#claimed.get(id);
  }

  /** True where the entry at `index` cancels the task, behind all else that it does with it. */
  isCancelledBy(id: string, index: number): boolean {
    return this.#cancelling.get(id) === index;
  }

  /** True where an entry past `index` gives the task to a node, or cancels it. */
  isTakenSince(id: string, index: number): boolean {
    const claimedAt = this.#claimed.get(id) ?? 0;
    const cancelledAt = this.#cancelling.get(id) ?? 0;
    return Math.max(claimedAt, cancelledAt) > index || this.#parts.table.get(id) !== undefined;
  }

  /** An attempt is to end: false where its fence is old or its end is foreseen already. */
  finishing({ taskId, fence, outcome }: Finish): boolean {
    if (!this.#end(taskId, fence)) return false;
    if (outcome?.$case === "retry") this.#parts.promotions.expect(outcome.value.runAtMs);
    return true;
  }

  /** A task is to be taken from its node, under the same condition. */
  releasing({ taskId, fence }: Release): boolean {
    return this.#end(taskId, fence);
  }

  /** What waited goes into the entry at `index`. */
  entryMade(outgoing: Outgoing, index: number, atMs: number): void {
    const { pending, promotions } = this.#parts;
    outgoing.submits.forEach((task, position) => {
      if (task.runAtMs > atMs) promotions.expect(task.runAtMs);
      else if (!dependsOnOthers(task))
        pending.add(pendingFromDefinition(task, taskSequence(index, position)), index);
    });
    for (const release of outgoing.releases) this.#releaseMade(release, index, atMs);
    for (const operate of outgoing.operations) this.#operationMade(operate, index, atMs);
    for (const { kind } of outgoing.others) {
      if (kind?.$case !== "overdue") continue;
      for (const id of kind.value.taskIds) this.#overdueMade(id, index, atMs);
    }
  }

  /** The entry promotes what is due. */
  promotionMade(index: number): void {
    this.#promotionIndex = index;
  }

  /** The entry gives tasks to nodes, and ends those whose deadline has passed. */
  assignmentsMade(
    assigns: readonly AssignCommand[],
    overdue: readonly string[],
    index: number,
  ): void {
    for (const id of overdue) this.#cancelling.set(id, index);
    for (const { assignments } of assigns) {
      for (const { taskId } of assignments) {
        this.#claimed.delete(taskId);
        this.#claimed.set(taskId, index);
      }
    }
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
    for (const [id, one] of this.#operating) {
      if (one.index > index) break;
      this.#operating.delete(id);
    }
    for (const [id, at] of this.#cancelling) if (at <= index) this.#cancelling.delete(id);
    if (this.#promotionIndex === undefined || this.#promotionIndex > index) return false;
    this.#promotionIndex = undefined;
    return true;
  }

  #releaseMade({ taskId, fence, reason, runAtMs }: Release, index: number, atMs: number): void {
    const { table, pending, promotions } = this.#parts;
    const running = table.get(taskId);
    if (running?.fence !== fence) return;
    // A cancellation on its way may end this attempt first: the release will change nothing.
    const cancelledAt = this.#cancelling.get(taskId) ?? 0;
    if (cancelledAt > fence && cancelledAt < index) return;
    if (runAtMs > atMs) promotions.expect(runAtMs);
    else pending.add(pendingFromRelease(running, reason), index);
  }

  /** One that is known, or has expired, changes nothing: it must not be foreseen to. */
  #operationMade({ operation, command }: OperateCommand, index: number, atMs: number): void {
    if (operation === undefined || !this.#takesEffect(operation, index, atMs)) return;
    const { gates, pending } = this.#parts;
    const kind = command?.kind;
    if (kind?.$case === "cancel") {
      for (const id of kind.value.taskIds) this.#cancelMade(id, index);
    } else if (kind?.$case === "retry") {
      // Behind a cancellation of the same entry it may run again: Redis will tell.
      for (const id of kind.value.taskIds) {
        if (this.#cancelling.get(id) === index) this.#cancelling.delete(id);
      }
    } else if (kind?.$case === "configureQueue") {
      // Assignments come last in an entry: from this one on they are as the queue is set now.
      gates.configure(kind.value, atMs);
      pending.pauseChanged(kind.value.name);
    }
  }

  #takesEffect(operation: Operation, index: number, atMs: number): boolean {
    const { id, expiresAtMs } = operation;
    const proposed = this.#operating.get(id);
    const isKnown = proposed !== undefined && proposed.untilMs > atMs;
    const untilMs = Math.max(expiresAtMs, isKnown ? proposed.untilMs : 0);
    this.#operating.delete(id);
    // One that has expired is known to nobody: it is then not known here either, being over by atMs.
    this.#operating.set(id, { untilMs, index });
    return !isKnown && this.#parts.operations.admits(operation, atMs);
  }

  #cancelMade(id: string, index: number): void {
    const { table, pending } = this.#parts;
    const running = table.get(id);
    if (running !== undefined) this.#end(id, running.fence);
    this.#cancelling.set(id, index);
    // This very entry may submit or release it: the cancellation comes after that.
    pending.remove(id);
  }

  /** Its deadline may have been lifted meanwhile: then it is left alone. */
  #overdueMade(id: string, index: number, atMs: number): void {
    const { table, pending } = this.#parts;
    const known = table.get(id)?.assignment ?? pending.get(id);
    if (known !== undefined && !isOverdue(known, atMs)) return;
    this.#cancelling.set(id, index);
    pending.remove(id);
  }

  #end(taskId: string, fence: number): boolean {
    const running = this.#parts.table.get(taskId);
    if (running?.fence !== fence || this.#ending.has(taskId)) return false;
    this.#ending.add(taskId);
    this.#freeSlot(running);
    return true;
  }

  /** Of its node, and of its queue. */
  #freeSlot({ nodeId, assignment }: RunningTask): void {
    this.#parts.workers.occupied(nodeId, -1);
    this.#parts.gates.ended(assignment.queue);
  }
}
