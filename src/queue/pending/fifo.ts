// Pending tasks of one kind in the order of their sequence: cheap at both ends, and a task that
// comes back finds its old place.
import type { PendingTask } from "../task/pending-task.js";

/** Taken slots at the front are cut off once they are this many and half of the array. */
const COMPACT_AT = 1_024;

export class Fifo {
  #items: (PendingTask | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  first(): PendingTask | undefined {
    return this.#items[this.#head];
  }

  last(): PendingTask | undefined {
    return this.size === 0 ? undefined : this.#items[this.#items.length - 1];
  }

  has(sequence: number): boolean {
    return this.#items[this.#lowerBound(sequence)]?.sequence === sequence;
  }

  /** No effect where a task of this sequence is in it already. */
  insert(task: PendingTask): boolean {
    const last = this.last();
    if (last === undefined || last.sequence < task.sequence) {
      this.#items.push(task);
      return true;
    }
    const at = this.#lowerBound(task.sequence);
    if (this.#items[at]?.sequence === task.sequence) return false;
    this.#items.splice(at, 0, task);
    return true;
  }

  /** Takes the oldest out. */
  shift(): PendingTask | undefined {
    const task = this.#items[this.#head];
    if (task === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return task;
  }

  /** Takes the youngest out. */
  pop(): PendingTask | undefined {
    return this.size === 0 ? undefined : this.#items.pop();
  }

  /** Takes the task of this sequence out. @returns whether it was in */
  remove(sequence: number): boolean {
    const at = this.#lowerBound(sequence);
    if (this.#items[at]?.sequence !== sequence) return false;
    if (at === this.#head) {
      this.shift();
      return true;
    }
    this.#items.splice(at, 1);
    return true;
  }

  /** First position from the head on whose sequence is at least `sequence`. */
  #lowerBound(sequence: number): number {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const item = this.#items[middle];
      if (item !== undefined && item.sequence < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
