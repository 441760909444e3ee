// Virtual time: a binary heap of things that are due. Two events at the same time happen in the
// order in which they were scheduled, so that nothing depends on the host.

/** Virtual time since the start of the run, whole microseconds. */
export type TimeUs = number;

export const US_PER_MS = 1_000;
export const US_PER_S = 1_000_000;

interface Scheduled {
  readonly at: TimeUs;
  readonly order: number;
  readonly run: () => void;
}

export class EventQueue {
  #now: TimeUs = 0;
  #order = 0;
  readonly #heap: Scheduled[] = [];

  get now(): TimeUs {
    return this.#now;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Number of events that have been scheduled so far. */
  get scheduled(): number {
    return this.#order;
  }

  /** Calls `run` after a virtual delay; a negative delay counts as none. */
  after(delayUs: number, run: () => void): void {
    const at = this.#now + Math.max(0, Math.floor(delayUs));
    this.#order += 1;
    const event = { at, order: this.#order, run };
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parentPlace = (place - 1) >>> 1;
      const parent = heap[parentPlace];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[place] = parent;
      place = parentPlace;
    }
    heap[place] = event;
  }

  /** Runs the next event if it is due by `until`; false, and time at `until`, where none is. */
  runNext(until: TimeUs): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.at > until) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sinkFromTop(last);
    this.#now = first.at;
    first.run();
    return true;
  }

  #sinkFromTop(event: Scheduled): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let childPlace = 2 * place + 1;
      let child = heap[childPlace];
      if (child === undefined) break;
      const right = heap[childPlace + 1];
      if (right !== undefined && isBefore(right, child)) {
        childPlace += 1;
        child = right;
      }
      if (isBefore(event, child)) break;
      heap[place] = child;
      place = childPlace;
    }
    heap[place] = event;
  }
}

const isBefore = (left: Scheduled, right: Scheduled): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order);
