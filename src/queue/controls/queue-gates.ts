// Which queues may start a task now, as the leader foresees it: with every command and assignment
// that it has proposed counted in, whether committed yet or not. One for each leader's term.
import type { ConfigureQueueCommand } from "../../gen/mesh/v1/command.js";
import type { RunningTask } from "../state/assignment-table.js";
import { QueueTable } from "../state/queue-table.js";

/** How a queue stands, for people. */
export interface QueueStanding {
  readonly paused: boolean;
  readonly running: number;
  /** 0: any number. */
  readonly concurrency: number;
  /** From when on its rate lets the next task start; 0: at once. */
  readonly nextStartMs: number;
}

/** What the order of pending tasks depends on beside the tasks themselves. */
export interface QueueGate {
  isPaused(queue: string): boolean;
  /** From when on it may start a task; 0 for now, Infinity until a task of it ends or it is set anew. */
  opensAtMs(queue: string): number;
  weightOf(queue: string): number;
  /** A task of the queue was given to a node by an entry of this time. */
  started(queue: string, atMs: number): void;
}

export class QueueGates implements QueueGate {
  readonly #ahead = new QueueTable();
  /** Running tasks by queue, those whose end is proposed not counted; never 0. */
  readonly #running = new Map<string, number>();

  /**
   * @param committed the table at the start of the term
   * @param running every task that runs then: what is counted begins with it, so that no change of
   *   leader can leave a slot of a queue taken for good
   */
  constructor(committed: QueueTable = new QueueTable(), running: Iterable<RunningTask> = []) {
    this.#ahead.restore(committed.toSnapshot());
    for (const { assignment } of running) this.#count(assignment.queue, 1);
  }

  isPaused(queue: string): boolean {
    return this.#ahead.isPaused(queue);
  }

  opensAtMs(queue: string): number {
    const controls = this.#ahead.get(queue);
    if (controls === undefined) return 0;
    const { concurrency } = this.#ahead.limitsOf(queue);
    const isFull = concurrency > 0 && this.running(queue) >= concurrency;
    return controls.paused || isFull ? Infinity : this.#ahead.nextStartMs(queue);
  }

  standingOf(queue: string): QueueStanding {
    const { concurrency } = this.#ahead.limitsOf(queue);
    const nextStartMs = this.#ahead.nextStartMs(queue);
    return { paused: this.isPaused(queue), running: this.running(queue), concurrency, nextStartMs };
  }

  weightOf(queue: string): number {
    return this.#ahead.limitsOf(queue).weight;
  }

  /** Tasks of the queue that run, those whose end is proposed not counted. */
  running(queue: string): number {
    return this.#running.get(queue) ?? 0;
  }

  started(queue: string, atMs: number): void {
    this.#count(queue, 1);
    this.#ahead.started(queue, atMs);
  }

  /** The end of a running task of the queue is proposed. */
  ended(queue: string): void {
    this.#count(queue, -1);
  }

  /** The command is proposed with an entry of this time. */
  configure(command: ConfigureQueueCommand, atMs: number): void {
    this.#ahead.configure(command, atMs);
  }

  #count(queue: string, change: 1 | -1): void {
    const running = this.running(queue) + change;
    if (running === 0) this.#running.delete(queue);
    else this.#running.set(queue, running);
  }
}
