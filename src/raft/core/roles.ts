// The four roles and the ways between them (figure 3.3): the only place where role, term and vote
// change.
import { invariant } from "./errors.js";
import { appendAsLeader, trackMembers } from "./leader-log.js";
import { MAX_LEADERSHIP_PRIORITY } from "./options.js";
import { giveUpForwardedReads, giveUpReads } from "./read-answers.js";
import { logIndex, term as asTerm } from "./types.js";
import { noteCampaignFailed, noteElected } from "./willingness.js";
import type { Campaign, RaftState } from "./state.js";
import type { NodeId, Term } from "./types.js";

/** Ticks over which servers that know their leader to be gone spread their campaigns. */
const HASTENED_SPREAD_TICKS = 3;
/** So many of them, in case that votes are split; then whole timeouts again, in case of slow votes. */
const HASTENED_ELECTIONS = 3;
const NOTHING = new Uint8Array(0);

/** Follows `leader` in `term`, or waits for one where it is undefined. */
export function becomeFollower(state: RaftState, term: Term, leader: NodeId | undefined): void {
  invariant(term >= state.term, "the term goes back");
  const wasFollower = state.role === "follower";
  noteCampaignFailed(state);
  if (term > state.term) {
    state.term = term;
    state.vote = undefined;
    state.catchUp = undefined;
    giveUpForwardedReads(state);
  }
  giveUpReads(state);
  if (leader !== undefined) {
    state.catchUp = undefined;
    state.hastenedElections = 0;
  }
  state.role = "follower";
  state.leader = leader;
  state.campaign = undefined;
  state.leadership = undefined;
  // A follower's own wait goes on: a candidate that it does not vote for must not put it off.
  if (!wasFollower || leader !== undefined) resetElectionTimer(state);
}

/** Asks whether it would be elected, before it disturbs anyone with a new term (§9.6). */
export function becomePreCandidate(state: RaftState): void {
  invariant(state.role !== "leader", "a leader does not campaign");
  noteCampaignFailed(state);
  giveUpForwardedReads(state);
  state.role = "pre-candidate";
  state.leader = undefined;
  state.campaign = newCampaign(asTerm(state.term + 1), false);
  state.catchUp = undefined;
  resetElectionTimer(state);
  state.hastenedElections = Math.max(0, state.hastenedElections - 1);
}

/** Votes for itself in a new term (§3.4); that vote counts once it is on disk. */
export function becomeCandidate(state: RaftState, isTakeover: boolean): void {
  invariant(state.role !== "leader", "a leader does not campaign");
  noteCampaignFailed(state);
  giveUpForwardedReads(state);
  state.term = asTerm(state.term + 1);
  state.vote = state.id;
  state.role = "candidate";
  state.leader = undefined;
  state.campaign = newCampaign(state.term, isTakeover);
  state.catchUp = undefined;
  resetElectionTimer(state);
}

/** Leads the term that it won, and appends a noop so that it can commit (§6.4). */
export function becomeLeader(state: RaftState): void {
  invariant(state.role === "candidate", "only a candidate is elected");
  noteElected(state);
  state.role = "leader";
  state.leader = state.id;
  state.hastenedElections = 0;
  state.campaign = undefined;
  state.catchUp = undefined;
  state.leadership = {
    peers: new Map(),
    termStart: logIndex(state.log.lastIndex + 1),
    replicationDue: true,
    heartbeatElapsed: 0,
    quorumElapsed: 0,
    transfer: undefined,
    uncommitted: { batches: [], bytes: 0 },
    reads: { waiting: [], rounds: [], lastRound: 0, pending: 0 },
  };
  trackMembers(state, state.leadership);
  appendAsLeader(state, "noop", [NOTHING]);
}

/** Gives its vote of this term, and the candidate time to win. */
export function grantVote(state: RaftState, candidate: NodeId): void {
  invariant(state.vote === undefined || state.vote === candidate, "a second vote in one term");
  state.vote = candidate;
  state.catchUp = undefined;
  state.electionElapsed = 0;
}

/**
 * Draws a new timeout. A less willing server waits up to one minimum timeout longer, so that a more
 * willing one campaigns first.
 */
export function resetElectionTimer(state: RaftState): void {
  const { electionTicks } = state.config;
  state.electionElapsed = 0;
  state.electionTimeout =
    state.hastenedElections > 0
      ? hastenedTimeout(state)
      : electionTicks + spread(state, electionTicks);
}

/** The leader is gone: what is still waited for is the heartbeat that it would send if it lived. */
export function hastenElections(state: RaftState): void {
  state.hastenedElections = HASTENED_ELECTIONS;
  state.electionTimeout = Math.min(state.electionTimeout, hastenedTimeout(state));
}

function hastenedTimeout(state: RaftState): number {
  return state.config.heartbeatTicks + 1 + spread(state, HASTENED_SPREAD_TICKS);
}

/** A draw from [0, ticks); up to as much again where unwilling to lead. */
function spread({ config, leadershipPriority }: RaftState, ticks: number): number {
  const reluctance = 1 - leadershipPriority / MAX_LEADERSHIP_PRIORITY;
  return Math.floor(config.random() * ticks) + Math.round(reluctance * ticks);
}

function newCampaign(term: Term, isTakeover: boolean): Campaign {
  return { term, votes: new Map(), isTakeover };
}
