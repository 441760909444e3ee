// Seeded random numbers (xoshiro128**, Blackman and Vigna): the only source of chance in a
// simulation, so that a seed replays exactly.

const TWO_TO_32 = 0x1_0000_0000;

/** splitmix32: spreads a small seed over the whole state. */
const splitmix = (seed: number): (() => number) => {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
};

/** A stream of random numbers. Streams forked from one seed do not disturb each other. */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any safe integer; both halves of it count. */
  constructor(seed: number) {
    const next = splitmix(seed ^ Math.imul(Math.floor(seed / TWO_TO_32), 0x85ebca6b));
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** Uniform in [0, 1). */
  readonly float = (): number => this.uint32() / TWO_TO_32;

  /** Uniform integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.float() * bound);
  }

  /** Uniform integer in [min, max]. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** True with the given probability. Draws nothing where the answer is certain. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    if (probability >= 1) return true;
    return this.float() < probability;
  }

  /** Exponentially distributed with the given mean, cut off at 20 times the mean. */
  exponential(mean: number): number {
    return Math.min(-Math.log(1 - this.float()) * mean, mean * 20);
  }

  /** An element of a list; undefined where it is empty. */
  pick<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.below(list.length)];
  }

  /** A shuffled copy (Fisher and Yates). */
  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    const result: T[] = [];
    while (rest.length > 0) result.push(...rest.splice(this.below(rest.length), 1));
    return result;
  }

  /** A stream of its own, named so that adding a draw here does not shift the draws there. */
  fork(name: string): Prng {
    let hash = 0x811c9dc5;
    for (let at = 0; at < name.length; at += 1) {
      hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    }
    return new Prng((hash ^ this.uint32()) >>> 0);
  }
}
