// Two nodes at random, and the less loaded of them (Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001): a choice costs the same however many nodes there are.
import { bySlots, type Contestant, shareOfSlots } from "./load-selection.js";
import type { BalancerPolicy, Need, Opening, Selection } from "./policy.js";

export class PowerOfTwoChoicesPolicy implements BalancerPolicy {
  readonly #random: () => number;
  readonly name = "power-of-two-choices";
  readonly shareOf = shareOfSlots;

  /** @param random in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  select({ type }: Need, openings: readonly Opening[]): Selection {
    return new TwoChoices(
      openings.map((opening) => bySlots(opening, type)),
      this.#random,
    );
  }
}

class TwoChoices implements Selection {
  readonly #random: () => number;
  readonly #open: Contestant[];

  constructor(contestants: Contestant[], random: () => number) {
    this.#random = random;
    this.#open = contestants;
  }

  next(): Opening {
    const first = this.#draw(undefined);
    if (first === undefined) throw new Error("no opening has a free slot");
    const second = this.#draw(first);
    return second !== undefined && second.loadNow() < first.loadNow()
      ? second.opening
      : first.opening;
  }

  /** One with a free slot, other than `except`; those that are found full are never drawn again. */
  #draw(except: Contestant | undefined): Contestant | undefined {
    for (;;) {
      // The one that is not to be drawn stands last, outside of what is drawn from.
      const count = this.#open.length - (except === undefined ? 0 : 1);
      if (count === 0) return undefined;
      const at = Math.floor(this.#random() * count);
      const drawn = this.#open[at];
      if (drawn === undefined) throw new Error("random numbers must be in [0, 1)");
      const isFree = drawn.opening.freeSlots > 0;
      if (isFree && except !== undefined) return drawn;
      const last = this.#open.length - 1;
      if (isFree) {
        this.#swap(at, last);
        return drawn;
      }
      this.#swap(at, count - 1);
      this.#swap(count - 1, last);
      this.#open.pop();
    }
  }

  #swap(at: number, other: number): void {
    const [one, two] = [this.#open[at], this.#open[other]];
    if (one === undefined || two === undefined) return;
    this.#open[at] = two;
    this.#open[other] = one;
  }
}
