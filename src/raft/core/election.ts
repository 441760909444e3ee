// Elections (§3.4, §9.6): who campaigns, who votes for whom, when it is won.
import { mayOfferLog, noteOfferedLog } from "./catch-up.js";
import { standsByLeader } from "./leader-contact.js";
import { voterIds } from "./membership.js";
import { quorumVote } from "./quorum/joint.js";
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
  grantVote,
} from "./roles.js";
import { isPromotable } from "./state.js";
import type { VoteRequest, VoteResponse } from "./message.js";
import type { RaftState } from "./state.js";
import type { NodeId } from "./types.js";

/** Campaigns, on trial first unless pre-votes are off. Does nothing where it may not lead. */
export function maybeCampaign(state: RaftState): void {
  if (state.role === "leader" || !isPromotable(state)) return;
  if (!state.config.preVote) {
    campaign(state, false);
    return;
  }
  becomePreCandidate(state);
  requestVotes(state, { preVote: true, transfer: false });
  recordVote(state, state.id, true);
}

/** For real: the own vote counts once it is on disk (see `countOwnVote`). */
function campaign(state: RaftState, transfer: boolean): void {
  becomeCandidate(state, transfer);
  requestVotes(state, { preVote: false, transfer });
}

function requestVotes(
  state: RaftState,
  { preVote, transfer }: { readonly preVote: boolean; readonly transfer: boolean },
): void {
  const { log, memberships, outbox } = state;
  for (const to of voterIds(memberships.current.membership)) {
    if (to === state.id) continue;
    const request: VoteRequest = {
      kind: "vote-request",
      from: state.id,
      to,
      term: state.campaign?.term ?? state.term,
      preVote,
      lastLogIndex: log.lastIndex,
      lastLogTerm: log.lastTerm,
      transfer,
    };
    // A real one vouches for the own vote and for the log that it describes: were they lost in a
    // crash, the same term could be campaigned for with less.
    if (preVote) outbox.send(request);
    else outbox.sendAfterWrite(request);
  }
}

/** The old leader asks for it (§3.10): no trial, no standing by that leader. */
export function handleTimeoutNow(state: RaftState): void {
  const isWaiting = state.role === "follower" || state.role === "pre-candidate";
  if (isWaiting && isPromotable(state)) campaign(state, true);
}

/**
 * A vote or a pre-vote is asked for. Granted whoever asks, member or not: the asker may be ahead in
 * its configuration (§4.1).
 */
export function handleVoteRequest(state: RaftState, message: VoteRequest): void {
  const isComplete = state.log.isUpToDate(message.lastLogIndex, message.lastLogTerm);
  const offersLog = !isComplete && mayOfferLog(state);
  if (message.preVote) {
    const isNewTerm = message.term > state.term;
    const granted = isNewTerm && isComplete && !standsByLeader(state);
    state.outbox.send({
      kind: "vote-response",
      from: state.id,
      to: message.from,
      term: granted ? message.term : state.term,
      preVote: true,
      granted,
      offersLog,
    });
    return;
  }
  const isFree = state.vote === undefined && state.leader === undefined;
  const granted = isComplete && (state.vote === message.from || isFree);
  if (granted) grantVote(state, message.from);
  const response: VoteResponse = {
    kind: "vote-response",
    from: state.id,
    to: message.from,
    term: state.term,
    preVote: false,
    granted,
    offersLog,
  };
  if (granted) state.outbox.sendAfterWrite(response);
  else state.outbox.send(response);
}

export function handleVoteResponse(state: RaftState, message: VoteResponse): void {
  const awaited = message.preVote ? "pre-candidate" : "candidate";
  if (state.role !== awaited) return;
  if (message.granted && message.term !== state.campaign?.term) return;
  // A candidate whose trial was granted is about to win as it is.
  if (message.offersLog && (message.preVote || !state.config.preVote)) {
    noteOfferedLog(state, message.from);
  }
  recordVote(state, message.from, message.granted);
}

/** The write that holds the own vote is done. */
export function countOwnVote(state: RaftState): void {
  if (state.role === "candidate") recordVote(state, state.id, true);
}

function recordVote(state: RaftState, from: NodeId, granted: boolean): void {
  const votes = state.campaign?.votes;
  if (votes === undefined) return;
  // A grant is a promise and stands; a refusal may be an old one, of a trial before this.
  if (granted || !votes.has(from)) votes.set(from, granted);
  switch (quorumVote(state.memberships.current.quorum, (id) => votes.get(id))) {
    case "pending":
      return;
    case "lost":
      becomeFollower(state, state.term, undefined);
      return;
    case "won":
      if (state.role === "pre-candidate") campaign(state, false);
      else becomeLeader(state);
  }
}
