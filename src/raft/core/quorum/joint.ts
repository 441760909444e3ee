// Arithmetic of a joint quorum: a majority of the incoming voters and one of the outgoing (§4.3).
import { majorityIndex, majorityVote } from "./majority.js";
import type { VoteResult } from "./majority.js";
import type { NodeId } from "../types.js";

/** `outgoing` is empty unless the configuration is joint. */
export interface Quorum {
  readonly incoming: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
}

/** Largest value that both majorities have reached; Infinity where nobody votes. */
export function quorumIndex(quorum: Quorum, reached: (id: NodeId) => number): number {
  return Math.min(majorityIndex(quorum.incoming, reached), majorityIndex(quorum.outgoing, reached));
}

/** Won where both have won, lost where one is lost. */
export function quorumVote(quorum: Quorum, vote: (id: NodeId) => boolean | undefined): VoteResult {
  const incoming = majorityVote(quorum.incoming, vote);
  const outgoing = majorityVote(quorum.outgoing, vote);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}
