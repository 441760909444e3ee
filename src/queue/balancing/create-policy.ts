// From the settings to the policy that they name.
import { LabelAwarePolicy } from "./label-aware.js";
import { LeastLoadedPolicy } from "./least-loaded.js";
import type { BalancerPolicy, PolicyName } from "./policy.js";
import { PowerOfTwoChoicesPolicy } from "./power-of-two-choices.js";
import { WeightedPolicy } from "./weighted.js";

export interface BalancerSettings {
  readonly policy: PolicyName;
  /** For `weighted`: by the id of a node or one of its labels. */
  readonly weights: ReadonlyMap<string, number>;
  /** For `label-aware`: labels by type of task. */
  readonly affinity: ReadonlyMap<string, readonly string[]>;
}

/** @param random in [0, 1); choices are made before they are proposed, so it need not be the same anywhere */
export function createPolicy(settings: BalancerSettings, random: () => number): BalancerPolicy {
  switch (settings.policy) {
    case "least-loaded":
      return new LeastLoadedPolicy();
    case "power-of-two-choices":
      return new PowerOfTwoChoicesPolicy(random);
    case "weighted":
      return new WeightedPolicy(settings.weights);
    case "label-aware":
      return new LabelAwarePolicy(settings.affinity);
  }
}
