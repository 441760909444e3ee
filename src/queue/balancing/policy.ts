// What a balancing policy is: it says which of the nodes that could run a task gets it. Slots, types and
// labels are not its business: it is only asked about nodes that have them.
import type { Candidate } from "./candidate.js";

export const POLICY_NAMES = [
  "least-loaded",
  "power-of-two-choices",
  "weighted",
  "label-aware",
] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

/** A node that takes work in this turn. Invariant: 0 <= freeSlots. */
export interface Opening {
  readonly worker: Candidate;
  /** Slots that are left in this turn. */
  freeSlots: number;
}

/** Tasks that are the same to a policy: the same nodes can run them. */
export interface Need {
  readonly type: string;
  readonly requires: readonly string[];
}

/** Chooses nodes for the tasks of one need, during one turn. Loads only grow while it is in use. */
export interface Selection {
  /**
   * The node that gets the next task. What it answers is taken: the caller occupies the slot before it
   * asks again. To be asked only while one of the openings has a free slot.
   */
  next(): Opening;
}

export interface BalancerPolicy {
  readonly name: PolicyName;

  /** @param openings nodes that can run tasks of this need, each with a free slot; at least one */
  select(need: Need, openings: readonly Opening[]): Selection;

  /**
   * How much of the mesh's work a node should get, relative to others; above 0. Where attempts are
   * short, a node that is ahead of its share has slots held back. Undefined: no shares are kept.
   */
  shareOf(worker: Candidate): number | undefined;
}
