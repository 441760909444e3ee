// The order in which pending tasks run, found anew whenever slots are free: the highest priority
// first, as risen by waiting; among queues of equal priority each its share; inside a queue first in,
// first out. A queue that may start nothing now is passed over and holds up no other.
import type { QueueGate } from "../controls/queue-gates.js";
import { isOverdue, type PendingTask } from "../task/pending-task.js";
import { MAX_PRIORITY } from "../task/define-task.js";
import { HeadHeap } from "./head-heap.js";
import type { Line, WaitingLines } from "./waiting-lines.js";

/** Overdue tasks that one turn takes out, for one entry; past it the turn ends. */
const MAX_OVERDUE = 1_000;

/** Whether a node with a free slot can run such a task. */
export type Runnable = (type: string, requires: readonly string[]) => boolean;

export interface PendingTurnParts {
  readonly lines: WaitingLines;
  readonly gate: QueueGate;
  readonly nowMs: number;
  /** The task is no longer pending. */
  readonly take: (id: string) => void;
}

/** The lines of one queue at one priority. */
interface Contender {
  readonly queue: string;
  readonly lines: Line[];
  pass: number;
  /** Sequence of its first task: who came first is served first where the shares are even. */
  first: number;
}

export class PendingTurn {
  readonly #parts: PendingTurnParts;
  #tier = MAX_PRIORITY;
  #contenders: HeadHeap<Contender> | undefined;
  #opensAtMs = Infinity;
  readonly #overdue: string[] = [];

  constructor(parts: PendingTurnParts) {
    this.#parts = parts;
  }

  /** When a queue that was passed over for its rate may start its next task; Infinity: none was. */
  get opensAtMs(): number {
    return this.#opensAtMs;
  }

  /** Tasks that would have been next and whose deadline has passed: the turn has taken them out. */
  get overdue(): readonly string[] {
    return this.#overdue;
  }

  /**
   * Takes the task that should run next. What is not `runnable` now must not be so later in the turn:
   * slots are only taken in it.
   */
  take(runnable: Runnable): PendingTask | undefined {
    for (; this.#tier >= 0; this.#tier -= 1) {
      this.#contenders ??= this.#gather(this.#tier);
      for (let next = this.#contenders.first(); next; next = this.#contenders.first()) {
        const task = firstTask(next.lines, this.#tier, runnable);
        if (task === undefined) this.#contenders.removeFirst();
        else if (isOverdue(task, this.#parts.nowMs)) {
          if (this.#overdue.length >= MAX_OVERDUE) return undefined;
          this.#parts.take(task.id);
          this.#overdue.push(task.id);
        } else {
          this.#serve(this.#contenders, next, task);
          return task;
        }
      }
      this.#contenders = undefined;
    }
    return undefined;
  }

  #serve(contenders: HeadHeap<Contender>, contender: Contender, task: PendingTask): void {
    const { lines, gate, nowMs, take } = this.#parts;
    const { queue } = contender;
    const { share } = lines.tier(this.#tier);
    take(task.id);
    gate.started(queue, nowMs);
    share.served(queue, gate.weightOf(queue));
    const first = firstSequence(contender.lines, this.#tier);
    if (first === Infinity || !this.#isOpen(queue)) {
      contenders.removeFirst();
      return;
    }
    contender.pass = share.passOf(queue);
    contender.first = first;
    contenders.firstFellBack();
  }

  #gather(priority: number): HeadHeap<Contender> {
    const { lines, share } = this.#parts.lines.tier(priority);
    const byQueue = new Map<string, Contender | undefined>();
    for (const line of lines) {
      const { queue } = line;
      const known = byQueue.get(queue);
      if (known !== undefined) known.lines.push(line);
      else if (!byQueue.has(queue)) {
        const pass = share.passOf(queue);
        byQueue.set(
          queue,
          this.#isOpen(queue) ? { queue, lines: [line], pass, first: 0 } : undefined,
        );
      }
    }
    const contenders: Contender[] = [];
    for (const contender of byQueue.values()) {
      if (contender === undefined) continue;
      contender.first = firstSequence(contender.lines, priority);
      contenders.push(contender);
    }
    return new HeadHeap(contenders, isBefore);
  }

  #isOpen(queue: string): boolean {
    const opensAtMs = this.#parts.gate.opensAtMs(queue);
    if (opensAtMs <= this.#parts.nowMs) return true;
    this.#opensAtMs = Math.min(this.#opensAtMs, opensAtMs);
    return false;
  }
}

function isBefore(a: Contender, b: Contender): boolean {
  return a.pass === b.pass ? a.first < b.first : a.pass < b.pass;
}

/** The oldest task that can run; a line whose new first task has not waited as long may have fallen. */
function firstTask(
  lines: readonly Line[],
  tier: number,
  runnable: Runnable,
): PendingTask | undefined {
  let best: PendingTask | undefined;
  for (const line of lines) {
    const task = line.tier === tier ? line.tasks.first() : undefined;
    if (task === undefined || (best !== undefined && best.sequence < task.sequence)) continue;
    if (runnable(line.type, line.requires)) best = task;
  }
  return best;
}

function firstSequence(lines: readonly Line[], tier: number): number {
  let first = Infinity;
  for (const line of lines) {
    if (line.tier === tier) first = Math.min(first, line.tasks.first()?.sequence ?? Infinity);
  }
  return first;
}
