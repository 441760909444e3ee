// The default: the node that would be through with its work first, by the share of its slots that is
// taken and by how long it takes of late.
import { FairShare } from "../controls/fair-share.js";
import { bySlots, LoadSelection, shareOfSlots } from "./load-selection.js";
import type { BalancerPolicy, Need, Opening, Selection } from "./policy.js";

export class LeastLoadedPolicy implements BalancerPolicy {
  readonly name = "least-loaded";
  readonly shareOf = shareOfSlots;
  readonly #turns = new FairShare();

  select({ type }: Need, openings: readonly Opening[]): Selection {
    return new LoadSelection(
      openings.map((opening) => bySlots(opening, type)),
      this.#turns,
    );
  }
}
