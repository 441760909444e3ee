// Nodes get work by weights that the operator sets for them, whatever their slots are; what a node
// takes for it counts as everywhere.
import { FairShare } from "../controls/fair-share.js";
import type { Candidate } from "./candidate.js";
import { Contestant, LoadSelection } from "./load-selection.js";
import type { BalancerPolicy, Need, Opening, Selection } from "./policy.js";

export class WeightedPolicy implements BalancerPolicy {
  readonly #weights: ReadonlyMap<string, number>;
  readonly name = "weighted";
  readonly #turns = new FairShare();

  /** @param weights by the id of a node or one of its labels, each above 0 */
  constructor(weights: ReadonlyMap<string, number>) {
    this.#weights = weights;
  }

  select({ type }: Need, openings: readonly Opening[]): Selection {
    const contestants = openings.map((opening) => {
      const weight = this.#weightOf(opening.worker);
      return new Contestant(opening, type, { rank: 0, capacity: weight, turns: weight });
    });
    return new LoadSelection(contestants, this.#turns);
  }

  /** By the weight and the speed of the node. */
  shareOf(worker: Candidate): number {
    return this.#weightOf(worker) / worker.pace.overall;
  }

  /** That of the node itself, else the highest of its labels, else 1. */
  #weightOf({ id, hello }: Candidate): number {
    const own = this.#weights.get(id);
    if (own !== undefined) return own;
    const ofLabels = hello.labels.flatMap((label) => this.#weights.get(label) ?? []);
    return ofLabels.length === 0 ? 1 : Math.max(...ofLabels);
  }
}
