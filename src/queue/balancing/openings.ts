// The free slots of one turn, sorted out by what tasks need, once for each need and not for each task.
import type { Line } from "../pending/waiting-lines.js";
import { type Candidate, fits } from "./candidate.js";
import type { BalancerPolicy, Need, Opening, Selection } from "./policy.js";

interface Choice {
  readonly type: string;
  /** Those that may have a free slot; full ones are dropped as they are met. */
  readonly openings: Opening[];
  selection: Selection | undefined;
}

export class Openings {
  readonly #openings: readonly Opening[];
  readonly #policy: BalancerPolicy;
  /** Needs without labels, by type. */
  readonly #byType = new Map<string, Choice>();
  /** Needs with labels, by what was asked for; many lines may have one need. */
  readonly #byNeed = new Map<string, Choice>();
  /**
   * The same by the identity of the list of labels: each line hands in the same array every time.
   */
  readonly #byList = new Map<Line["requires"], Choice>();
  #freeSlots = 0;

  /** @param openings each with a free slot */
  constructor(openings: readonly Opening[], policy: BalancerPolicy) {
    this.#openings = openings;
    this.#policy = policy;
    for (const { freeSlots } of openings) this.#freeSlots += freeSlots;
  }

  /** Slots of all nodes that are left in this turn. */
  get freeSlots(): number {
    return this.#freeSlots;
  }

  /** Whether a node with a free slot can run such a task. */
  has(need: Need): boolean {
    return hasFree(this.#choiceFor(need));
  }

  /** Takes a slot for a task; to be asked only where there is one. */
  take(need: Need): Candidate {
    const choice = this.#choiceFor(need);
    choice.selection ??= this.#policy.select(
      need,
      choice.openings.filter(({ freeSlots }) => freeSlots > 0),
    );
    const opening = choice.selection.next();
    opening.freeSlots -= 1;
    this.#freeSlots -= 1;
    return opening.worker;
  }

  #choiceFor(need: Need): Choice {
    const { type, requires } = need;
    if (requires.length === 0) {
      let choice = this.#byType.get(type);
      if (choice === undefined) this.#byType.set(type, (choice = this.#choice(need)));
      return choice;
    }
    const known = this.#byList.get(requires);
    if (known?.type === type) return known;
    const key = JSON.stringify([type, ...requires]);
    let choice = this.#byNeed.get(key);
    if (choice === undefined) this.#byNeed.set(key, (choice = this.#choice(need)));
    this.#byList.set(requires, choice);
    return choice;
  }

  #choice({ type, requires }: Need): Choice {
    const openings = this.#openings.filter(({ worker }) => fits(worker, type, requires));
    return { type, openings, selection: undefined };
  }
}

function hasFree({ openings }: Choice): boolean {
  while (openings.at(-1)?.freeSlots === 0) openings.pop();
  return openings.length > 0;
}
