// Nodes with labels are kept free for the tasks that need them: a task goes to the node with the fewest
// labels beside those that it asks for. Types may be drawn to nodes with a label, without a need for it.
// Nothing waits for that: where only a node with other labels has a free slot, it gets the task.
import { FairShare } from "../controls/fair-share.js";
import { Contestant, LoadSelection, standingBySlots } from "./load-selection.js";
import type { BalancerPolicy, Need, Opening, Selection } from "./policy.js";

/** More than a node has labels: a type's own nodes come before all others. */
const NOT_AFFINE = 1_000;

export class LabelAwarePolicy implements BalancerPolicy {
  readonly #affinity: ReadonlyMap<string, readonly string[]>;
  readonly name = "label-aware";
  readonly #turns = new FairShare();

  /** @param affinity labels of the nodes that tasks of a type should go to, by type */
  constructor(affinity: ReadonlyMap<string, readonly string[]>) {
    this.#affinity = affinity;
  }

  select(need: Need, openings: readonly Opening[]): Selection {
    const contestants = openings.map((opening) => {
      const standing = standingBySlots(opening, this.#rankOf(opening, need));
      return new Contestant(opening, need.type, standing);
    });
    return new LoadSelection(contestants, this.#turns);
  }

  /** No shares are kept: a node that is kept free gets less than its share on purpose. */
  shareOf(): undefined {
    return undefined;
  }

  #rankOf({ worker }: Opening, { type, requires }: Need): number {
    const wanted = this.#affinity.get(type) ?? [];
    const { labels } = worker.hello;
    const others = labels.filter((label) => !requires.includes(label) && !wanted.includes(label));
    const isAffine = wanted.length === 0 || wanted.some((label) => labels.includes(label));
    return others.length + (isAffine ? 0 : NOT_AFFINE);
  }
}
