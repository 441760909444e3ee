// Where each entry of the log stands on disk: a few numbers an entry in typed arrays, so that a
// million entries cost tens of megabytes and no garbage.

export interface EntryPlace {
  readonly term: number;
  /** Sequence number of the segment. */
  readonly segment: number;
  readonly offset: number;
  /** Of the whole record. */
  readonly lengthBytes: number;
}

const INITIAL_CAPACITY = 1024;

/** Holds firstIndex .. lastIndex without a gap. */
export class EntryIndex {
  #terms = new Float64Array(INITIAL_CAPACITY);
  #segments = new Float64Array(INITIAL_CAPACITY);
  #offsets = new Uint32Array(INITIAL_CAPACITY);
  #lengths = new Uint32Array(INITIAL_CAPACITY);
  /** Slot of the entry at `firstIndex`. */
  #head = 0;
  #count = 0;
  #firstIndex = 1;
  #termBefore = 0;

  get firstIndex(): number {
    return this.#firstIndex;
  }

  /** firstIndex - 1 where empty. */
  get lastIndex(): number {
    return this.#firstIndex + this.#count - 1;
  }

  /** Known for firstIndex - 1 .. lastIndex. */
  term(index: number): number | undefined {
    if (index === this.#firstIndex - 1) return this.#termBefore;
    return this.#has(index) ? this.#terms[this.#slot(index)] : undefined;
  }

  at(index: number): EntryPlace | undefined {
    if (!this.#has(index)) return undefined;
    const slot = this.#slot(index);
    return {
      term: this.#terms[slot] ?? 0,
      segment: this.#segments[slot] ?? 0,
      offset: this.#offsets[slot] ?? 0,
      lengthBytes: this.#lengths[slot] ?? 0,
    };
  }

  /** Puts an entry at `index`; what stands there or after is dropped. */
  put(index: number, term: number, segment: number, offset: number, lengthBytes: number): void {
    if (index < this.#firstIndex || index > this.lastIndex + 1) {
      const held = `${this.#firstIndex}..${this.lastIndex}`;
      throw new RangeError(`entry ${index} does not continue ${held}`);
    }
    this.#count = index - this.#firstIndex;
    if (this.#head + this.#count === this.#terms.length) this.#makeRoom();
    const slot = this.#head + this.#count;
    this.#terms[slot] = term;
    this.#segments[slot] = segment;
    this.#offsets[slot] = offset;
    this.#lengths[slot] = lengthBytes;
    this.#count += 1;
  }

  /** Drops what is before `index`, which is at most lastIndex + 1. */
  dropBefore(index: number): void {
    if (index <= this.#firstIndex) return;
    const termBefore = this.term(index - 1);
    if (termBefore === undefined) throw new RangeError(`nothing is known of entry ${index - 1}`);
    this.#termBefore = termBefore;
    this.#head += index - this.#firstIndex;
    this.#count -= index - this.#firstIndex;
    this.#firstIndex = index;
  }

  /** Empties it; the next entry is `firstIndex`, and the one before it was of `termBefore`. */
  reset(firstIndex: number, termBefore: number): void {
    this.#head = 0;
    this.#count = 0;
    this.#firstIndex = firstIndex;
    this.#termBefore = termBefore;
  }

  #has(index: number): boolean {
    return index >= this.#firstIndex && index <= this.lastIndex;
  }

  #slot(index: number): number {
    return this.#head + index - this.#firstIndex;
  }

  /** Moves what is held to the front of arrays twice as large as it. */
  #makeRoom(): void {
    const capacity = Math.max(INITIAL_CAPACITY, 2 * this.#count);
    const [from, to] = [this.#head, this.#head + this.#count];
    const terms = new Float64Array(capacity);
    terms.set(this.#terms.subarray(from, to));
    const segments = new Float64Array(capacity);
    segments.set(this.#segments.subarray(from, to));
    const offsets = new Uint32Array(capacity);
    offsets.set(this.#offsets.subarray(from, to));
    const lengths = new Uint32Array(capacity);
    lengths.set(this.#lengths.subarray(from, to));
    this.#terms = terms;
    this.#segments = segments;
    this.#offsets = offsets;
    this.#lengths = lengths;
    this.#head = 0;
  }
}
