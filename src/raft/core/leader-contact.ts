// A follower and its leader: what hearing from it means, and how long a server stands by it.
import { invariant } from "./errors.js";
import { becomeFollower, hastenElections, resetElectionTimer } from "./roles.js";
import type { RaftState } from "./state.js";
import type { NodeId } from "./types.js";

/** A message that only the leader of the own term sends has come in from `leader`. */
export function hearFromLeader(state: RaftState, leader: NodeId): void {
  invariant(state.role !== "leader", `two leaders in term ${state.term}: ${state.id}, ${leader}`);
  invariant(
    state.leader === undefined || state.leader === leader,
    `two leaders in term ${state.term}: ${String(state.leader)}, ${leader}`,
  );
  if (state.role !== "follower" || state.leader === undefined) {
    becomeFollower(state, state.term, leader);
  } else if (state.hastenedElections > 0) {
    // It was said to be gone, and lives.
    state.hastenedElections = 0;
    resetElectionTimer(state);
  }
  state.electionElapsed = 0;
  state.leaderContactElapsed = 0;
}

/**
 * Leads, or heard from a leader within the minimum election timeout: stands by it, so that a server
 * that was removed or cut off cannot disturb the cluster (§4.2.3). A leader without a quorum steps
 * down and falls silent, so that nobody stands by it for long.
 */
export function standsByLeader(state: RaftState): boolean {
  if (!state.config.checkQuorum && !state.config.preVote) return false;
  return state.role === "leader" || state.leaderContactElapsed < state.config.electionTicks;
}

/**
 * The transport says that the process of `peer` has ended. Of the leader: this server no longer
 * stands by it, and campaigns as soon as the next heartbeat is overdue. Where only the way to the
 * leader is broken, the heartbeat comes, and all is as before; where nothing of the leader comes in
 * either, servers that hear it refuse the pre-vote. Without pre-vote a campaign would depose it.
 */
export function noteGone(state: RaftState, peer: NodeId): void {
  if (!state.config.preVote || state.role !== "follower" || state.leader !== peer) return;
  if (state.hastenedElections > 0) return;
  state.leaderContactElapsed = Infinity;
  hastenElections(state);
}
