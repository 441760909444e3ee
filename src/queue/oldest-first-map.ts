// A map from which the oldest entries are taken. Asking a Map for its first key before each removal
// would be slow: each new iterator steps over the slots of all that was removed before.

export class OldestFirstMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  /** Stands before the oldest entry, and never reads past the newest. */
  readonly #oldest = this.#entries.entries();

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** A key that is there keeps its age. */
  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
  }

  /** Removes the oldest entry and returns its value; undefined where the map is empty. */
  takeOldest(): Value | undefined {
    if (this.#entries.size === 0) return undefined;
    const next = this.#oldest.next();
    if (next.done === true) throw new Error("the iterator of a map passed what is in it");
    const [key, value] = next.value;
    this.#entries.delete(key);
    return value;
  }

  clear(): void {
    this.#entries.clear();
  }
}
