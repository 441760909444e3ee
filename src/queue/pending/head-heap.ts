// A binary heap of which only the first element changes: the queues of a turn.

export class HeadHeap<T> {
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #items: T[];

  constructor(items: readonly T[], isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
    this.#items = [...items];
    for (let at = (items.length >>> 1) - 1; at >= 0; at -= 1) this.#sink(at);
  }

  first(): T | undefined {
    return this.#items[0];
  }

  /** The first element was changed so that it may have to stand behind others. */
  firstFellBack(): void {
    this.#sink(0);
  }

  removeFirst(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#sink(0);
  }

  #sink(start: number): void {
    const items = this.#items;
    const item = items[start];
    if (item === undefined) return;
    let at = start;
    for (;;) {
      const left = items[2 * at + 1];
      const right = items[2 * at + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && this.#isBefore(right, left);
      const child = isRight ? right : left;
      if (!this.#isBefore(child, item)) break;
      items[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    items[at] = item;
  }
}
