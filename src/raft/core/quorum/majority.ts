// Arithmetic of one majority: pure, over a set of voters.
import type { NodeId } from "../types.js";

export type VoteResult = "won" | "lost" | "pending";

/** Smallest number of voters that is more than half of them. */
export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * Largest value that a majority of `voters` has reached. Infinity for the empty set, which agrees
 * to everything, so that a joint quorum with one empty half is the other half's.
 */
export function majorityIndex(voters: readonly NodeId[], reached: (id: NodeId) => number): number {
  if (voters.length === 0) return Infinity;
  const descending = voters.map(reached).sort((a, b) => b - a);
  return descending[majorityOf(voters.length) - 1] ?? 0;
}

/** Where a vote stands; the empty set has won. `vote` is undefined while it is awaited. */
export function majorityVote(
  voters: readonly NodeId[],
  vote: (id: NodeId) => boolean | undefined,
): VoteResult {
  let granted = 0;
  let refused = 0;
  for (const id of voters) {
    const answer = vote(id);
    if (answer === true) granted += 1;
    if (answer === false) refused += 1;
  }
  if (voters.length === 0 || granted >= majorityOf(voters.length)) return "won";
  return voters.length - refused < majorityOf(voters.length) ? "lost" : "pending";
}
