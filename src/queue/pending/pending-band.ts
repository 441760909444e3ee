// The head of one queue's tasks of one priority, in the leader's memory. The rest of them waits in
// Redis and is read when the head runs low.
//
// Invariants: every pending task of the band whose sequence is at most `cursor` is in memory. While
// the band is `complete`, so are those past the cursor. Else those past the cursor are in Redis, by
// the time it reflects `skippedTo`, or in the tail: newcomers, kept so that the band is complete
// again as soon as Redis has been read up to them.
import { Fifo } from "./fifo.js";
import type { PendingTask } from "../task/pending-task.js";
import { taskSequence } from "../state/task-sequence.js";
import { type Line, WaitingLines } from "./waiting-lines.js";

/** How far a read of Redis reached. */
export interface BacklogRead {
  /** Sequence of the last task read. */
  readonly readTo: number;
  /** Whether Redis had no more. */
  readonly exhausted: boolean;
  /** The log index that the read reflects. */
  readonly redisIndex: number;
}

export class PendingBand {
  readonly #waiting: WaitingLines;
  /** Tasks that only some nodes can run wait apart, so that none stands in another's way. */
  readonly #lines = new Map<string, Line>();
  #size = 0;
  #cursor = -1;
  #complete: boolean;
  #tail = new Fifo();
  #skippedTo = 0;
  /** Newest entry that made a task of the band pending: what is in memory may stem from it. */
  #newestIndex = 0;
  /** Tasks that were dropped from memory and that `takeDropped` has not told yet. */
  #dropped: PendingTask[] = [];
  /** A read of Redis may be used only if it reflects the log up to here. */
  #readableFrom = 0;

  /**
   * @param backlogInRedis true where Redis may hold tasks of the band that were never read
   * @param waiting where its lines wait for their turn
   */
  constructor(
    readonly queue: string,
    readonly priority: number,
    backlogInRedis: boolean,
    waiting = new WaitingLines(),
  ) {
    this.#waiting = waiting;
    this.#complete = !backlogInRedis;
  }

  /** Tasks that can be run now; the tail does not count. */
  get size(): number {
    return this.#size;
  }

  /** Whether all that is pending in the lane is in memory. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Nothing is pending in it: a new band would be the same. */
  get idle(): boolean {
    return this.#complete && this.#size === 0 && this.#tail.size === 0;
  }

  /** Tasks that were dropped from memory because Redis has them; each is told once. */
  takeDropped(): readonly PendingTask[] {
    if (this.#dropped.length === 0) return this.#dropped;
    // What the tail dropped may have been read into a line meanwhile.
    const dropped = this.#dropped.filter((task) => !this.#has(task));
    this.#dropped = [];
    return dropped;
  }

  /** Where the next read of Redis starts: past this sequence. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Index that a read of Redis must reflect to be of use. */
  get readableFrom(): number {
    return this.#readableFrom;
  }

  /**
   * A task became pending by the entry at `index`.
   *
   * @param capacity size at which the band leaves newcomers to Redis
   * @returns whether it is in memory now
   */
  add(task: PendingTask, index: number, capacity: number): boolean {
    this.#newestIndex = Math.max(this.#newestIndex, index);
    if (task.sequence <= this.#cursor) {
      this.#insert(task);
      if (this.#size > capacity * 2) this.#evictDownTo(capacity);
      return true;
    }
    if (this.#complete && this.#size < capacity) {
      this.#cursor = task.sequence;
      this.#insert(task);
      return true;
    }
    this.#complete = false;
    return this.#leaveToRedis(task, index, capacity);
  }

  /** Leaves everything to Redis: none of it is needed until the band is read again. */
  leaveAll(): void {
    if (!this.idle) this.#evictDownTo(0);
  }

  /** Redis may hold tasks that are not at hand, anywhere in the band: read it from its beginning. */
  reopen(lastIndex: number): void {
    this.#cursor = -1;
    this.#complete = false;
    this.#skippedTo = Math.max(this.#skippedTo, lastIndex);
  }

  /**
   * Takes in tasks read from Redis past `cursor`, in order of their sequence.
   *
   * @returns false where tasks were left to Redis during the read: it may lack them, and is of no use
   */
  refill(tasks: readonly PendingTask[], read: BacklogRead): boolean {
    if (read.redisIndex < this.#readableFrom) return false;
    for (const task of tasks) this.#insert(task);
    const readTo = read.exhausted ? taskSequence(read.redisIndex + 1, 0) - 1 : read.readTo;
    this.#cursor = Math.max(this.#cursor, readTo);
    if (!read.exhausted || read.redisIndex < this.#skippedTo) return true;
    for (let task = this.#tail.shift(); task !== undefined; task = this.#tail.shift()) {
      this.#insert(task);
      this.#cursor = Math.max(this.#cursor, task.sequence);
    }
    this.#complete = true;
    return true;
  }

  /** The task is no longer pending; no effect where it is not in memory. */
  remove(task: PendingTask): void {
    // It may be in both: a read of Redis can bring in what the tail holds.
    this.#tail.remove(task.sequence);
    const line = this.#lines.get(lineKey(task));
    if (line === undefined) return;
    const isFirst = line.tasks.first()?.sequence === task.sequence;
    if (!line.tasks.remove(task.sequence)) return;
    this.#size -= 1;
    if (line.tasks.size === 0) this.#close(line, task);
    else if (isFirst) this.#waiting.headChanged(line);
  }

  #has(task: PendingTask): boolean {
    const line = this.#lines.get(lineKey(task));
    return line?.tasks.has(task.sequence) === true || this.#tail.has(task.sequence);
  }

  #leaveToRedis(task: PendingTask, index: number, capacity: number): boolean {
    if (task.sequence < taskSequence(index, 0)) {
      // One that comes back has an old place: a read that passes it must know that it is there.
      this.#readableFrom = Math.max(this.#readableFrom, index);
      return false;
    }
    if (this.#tail.size >= capacity) this.#dropTail();
    if (capacity === 0) return false;
    this.#tail.insert(task);
    return true;
  }

  #dropTail(): void {
    for (let task = this.#tail.shift(); task !== undefined; task = this.#tail.shift()) {
      this.#dropped.push(task);
    }
    this.#skippedTo = Math.max(this.#skippedTo, this.#newestIndex);
  }

  #insert(task: PendingTask): void {
    const key = lineKey(task);
    const line = this.#lines.get(key);
    if (line !== undefined) {
      if (!line.tasks.insert(task)) return;
      this.#size += 1;
      if (line.tasks.first() === task) this.#waiting.headChanged(line);
      return;
    }
    const { type, requires } = task;
    const { queue, priority } = this;
    const opened = { queue, priority, type, requires, tasks: new Fifo(), tier: priority };
    opened.tasks.insert(task);
    this.#size += 1;
    this.#lines.set(key, opened);
    this.#waiting.open(opened);
  }

  #close(line: Line, last: PendingTask): void {
    this.#lines.delete(lineKey(last));
    this.#waiting.close(line);
  }

  /** Forgets the last ones: Redis has them once it reflects the newest entry of any of them. */
  #evictDownTo(capacity: number): void {
    while (this.#size > capacity) {
      let last: Line | undefined;
      for (const line of this.#lines.values()) {
        const sequence = line.tasks.last()?.sequence ?? -1;
        if (sequence > (last?.tasks.last()?.sequence ?? -1)) last = line;
      }
      const task = last?.tasks.pop();
      if (last === undefined || task === undefined) break;
      this.#size -= 1;
      // Not past what was never read: after a reopening, what is in memory may lie beyond the cursor.
      this.#cursor = Math.min(this.#cursor, task.sequence - 1);
      this.#dropped.push(task);
      if (last.tasks.size === 0) this.#close(last, task);
    }
    this.#complete = false;
    this.#readableFrom = Math.max(this.#readableFrom, this.#newestIndex);
    this.#dropTail();
  }
}

/** Types and labels are the client's: no two lines may look alike, whatever is in them. */
function lineKey({ type, requires }: PendingTask): string {
  return requires.length === 0 ? `=${type}` : JSON.stringify([type, ...requires]);
}
