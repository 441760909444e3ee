// A map from which the oldest entries are taken. A Map's own iteration does not do: begun anew for
// each removal it passes the slots of all that was removed before, up to as many as the map holds.

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
