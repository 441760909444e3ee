// Who runs what: the part of the queue's state that every node holds in memory. It changes only by
// applying the log, so that it is the same on every node at the same index. Its size is bounded by
// the slots of the mesh: a task is in it from Assign to Finish, Release or Cancel.
import type { Assignment, CommandBatch, Finish, Release } from "../../gen/mesh/v1/command.js";
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";

/** A running task. `fence` is the index of the log entry that assigned it. */
export interface RunningTask {
  readonly nodeId: string;
  readonly fence: number;
  readonly assignedAtMs: number;
  readonly assignment: Assignment;
}

/** What applying one entry changed, in order: for waiters, executors, the leader and events. */
export type QueueChange =
  | { readonly kind: "submitted"; readonly task: TaskDefinition; readonly scheduled: boolean }
  | { readonly kind: "assigned"; readonly running: RunningTask }
  | { readonly kind: "finished"; readonly running: RunningTask; readonly finish: Finish }
  | { readonly kind: "released"; readonly running: RunningTask; readonly release: Release }
  | {
      readonly kind: "cancelled";
      readonly taskId: string;
      readonly running: RunningTask | undefined;
    }
  | {
      /** Its deadline has passed: it is dead. */
      readonly kind: "overdue";
      readonly taskId: string;
      readonly running: RunningTask | undefined;
    }
  | { readonly kind: "retried"; readonly taskId: string }
  /** Tasks that waited for others are ready or cancelled; Redis knows which. */
  | { readonly kind: "settled" };

export class AssignmentTable {
  readonly #byTask = new Map<string, RunningTask>();
  readonly #byNode = new Map<string, Map<string, RunningTask>>();

  #contradiction: string | undefined;

  /** The last assignment that the log makes and the table cannot take; undefined for none so far. */
  get contradiction(): string | undefined {
    return this.#contradiction;
  }

  get size(): number {
    return this.#byTask.size;
  }

  get(taskId: string): RunningTask | undefined {
    return this.#byTask.get(taskId);
  }

  /** Tasks that run on a node, oldest assignment first. */
  ofNode(nodeId: string): Iterable<RunningTask> {
    return this.#byNode.get(nodeId)?.values() ?? [];
  }

  countOfNode(nodeId: string): number {
    return this.#byNode.get(nodeId)?.size ?? 0;
  }

  /** Nodes that run at least one task. */
  nodes(): Iterable<string> {
    return this.#byNode.keys();
  }

  all(): Iterable<RunningTask> {
    return this.#byTask.values();
  }

  /** Applies the commands of the entry at `index`. Reads no clock; the same log gives the same table. */
  apply(index: number, batch: CommandBatch): readonly QueueChange[] {
    const changes: QueueChange[] = [];
    for (const { kind } of batch.commands) {
      if (kind === undefined) continue;
      switch (kind.$case) {
        case "submit":
          for (const task of kind.value.tasks) {
            changes.push({ kind: "submitted", task, scheduled: task.runAtMs > batch.atMs });
          }
          break;
        case "assign":
          for (const assignment of kind.value.assignments) {
            const running = {
              nodeId: kind.value.nodeId,
              fence: index,
              assignedAtMs: batch.atMs,
              assignment,
            };
            if (this.#insert(running)) changes.push({ kind: "assigned", running });
          }
          break;
        case "finish":
          for (const finish of kind.value.outcomes) {
            const running = this.#remove(finish.taskId, finish.fence);
            if (running !== undefined) changes.push({ kind: "finished", running, finish });
          }
          break;
        case "release":
          for (const release of kind.value.releases) {
            const running = this.#remove(release.taskId, release.fence);
            if (running !== undefined) changes.push({ kind: "released", running, release });
          }
          break;
        case "cancel":
          for (const taskId of kind.value.taskIds) {
            const fence = this.#byTask.get(taskId)?.fence;
            const running = fence === undefined ? undefined : this.#remove(taskId, fence);
            changes.push({ kind: "cancelled", taskId, running });
          }
          break;
        case "overdue":
          for (const taskId of kind.value.taskIds) {
            const running = this.#removeOverdue(taskId, batch.atMs);
            changes.push({ kind: "overdue", taskId, running });
          }
          break;
        case "retry":
          for (const taskId of kind.value.taskIds) changes.push({ kind: "retried", taskId });
          break;
        case "settle":
          changes.push({ kind: "settled" });
          break;
        case "promote":
        case "drop":
        case "expire":
        case "putSchedule":
        case "deleteSchedule":
        case "fireSchedule":
        case "drainNode":
        case "configureQueue":
        case "activateVersion":
        case "transfer":
          break;
        // Its command is applied by itself, where it takes effect: see operation-steps.ts.
        case "operate":
          break;
      }
    }
    return changes;
  }

  /** All there is, for a snapshot. */
  toSnapshot(): RunningTask[] {
    return [...this.#byTask.values()];
  }

  /** Puts the content of a snapshot in the place of everything. */
  restore(all: Iterable<RunningTask>): void {
    this.#byTask.clear();
    this.#byNode.clear();
    for (const running of all) this.#insert(running);
  }

  /**
   * The first assignment stands, as it does in Redis. A second one says that the log, or the code, is
   * at fault: it is told, and changes nothing, since every node would fail at it again and again.
   */
  #insert(running: RunningTask): boolean {
    const { taskId } = running.assignment;
    const before = this.#byTask.get(taskId);
    if (before !== undefined) {
      this.#contradiction =
        `task ${taskId} was assigned at ${running.fence} to ${running.nodeId} while its ` +
        `assignment of ${before.fence} to ${before.nodeId} stands`;
      return false;
    }
    this.#byTask.set(taskId, running);
    const ofNode = this.#byNode.get(running.nodeId);
    if (ofNode === undefined) this.#byNode.set(running.nodeId, new Map([[taskId, running]]));
    else ofNode.set(taskId, running);
    return true;
  }

  /** As Redis does: an attempt whose deadline was lifted goes on. */
  #removeOverdue(taskId: string, atMs: number): RunningTask | undefined {
    const running = this.#byTask.get(taskId);
    if (running === undefined) return undefined;
    const { deadlineAtMs } = running.assignment;
    if (deadlineAtMs === 0 || deadlineAtMs > atMs) return undefined;
    return this.#remove(taskId, running.fence);
  }

  /** Removes the assignment if `fence` is that of the running attempt: an old fence changes nothing. */
  #remove(taskId: string, fence: number): RunningTask | undefined {
    const running = this.#byTask.get(taskId);
    if (running?.fence !== fence) return undefined;
    this.#byTask.delete(taskId);
    const ofNode = this.#byNode.get(running.nodeId);
    ofNode?.delete(taskId);
    if (ofNode?.size === 0) this.#byNode.delete(running.nodeId);
    return running;
  }
}
