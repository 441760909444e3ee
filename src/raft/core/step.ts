// What becomes of a message: its term is compared first (§3.3), then it goes to the duty it is for.
import { handleAppendRequest } from "./append-entries.js";
import { handleCatchUpRequest, handleCatchUpResponse } from "./catch-up.js";
import { maybeCommit } from "./commit.js";
import { handleTimeoutNow, handleVoteRequest, handleVoteResponse } from "./election.js";
import { handleHeartbeat, handleHeartbeatResponse } from "./heartbeat.js";
import { standsByLeader } from "./leader-contact.js";
import { maybeSendTimeoutNow } from "./leadership-transfer.js";
import {
  handleReadIndexRequest,
  handleReadIndexResponse,
  maybeConfirmReads,
} from "./read-index.js";
import { handleAppendResponse, noteMatch } from "./replication.js";
import { becomeFollower } from "./roles.js";
import { handleSnapshotChunk } from "./snapshot-receiving.js";
import { handleSnapshotResponse } from "./snapshot-sending.js";
import { willingness } from "./willingness.js";
import type { Message, SnapshotResponse } from "./message.js";
import type { RaftState } from "./state.js";

/** Takes in one message. Throws `InvariantViolation` for what a correct cluster never sends. */
export function stepMessage(state: RaftState, message: Message): void {
  if (message.to !== state.id || message.from === state.id) return;
  if (message.term > state.term && !admitsTerm(state, message)) return;
  if (message.term < state.term) {
    answerStale(state, message);
    return;
  }
  dispatch(state, message);
}

/** A newer term was seen: follows it, unless it is on trial, or asked for against a live leader. */
function admitsTerm(state: RaftState, message: Message): boolean {
  switch (message.kind) {
    case "vote-request":
      if (message.preVote) return true;
      if (!message.transfer && standsByLeader(state)) return false;
      break;
    case "vote-response":
      if (message.preVote && message.granted) return true;
      break;
    case "catch-up-request":
      if (standsByLeader(state)) return false;
      break;
    case "append-request":
    case "heartbeat":
    case "snapshot-chunk":
      becomeFollower(state, message.term, message.from);
      return true;
    case "catch-up-response":
    case "append-response":
    case "heartbeat-response":
    case "snapshot-response":
    case "timeout-now":
    case "read-index-request":
    case "read-index-response":
      break;
  }
  becomeFollower(state, message.term, undefined);
  return true;
}

/**
 * From a former term. A deposed leader must hear of the new term, else it could hold on to followers
 * of its own while this server, whose term it cannot reach, stays cut off.
 */
function answerStale(state: RaftState, message: Message): void {
  const envelope = { from: state.id, to: message.from, term: state.term };
  switch (message.kind) {
    case "append-request":
    case "heartbeat":
    case "snapshot-chunk":
      state.outbox.send({
        ...envelope,
        kind: "heartbeat-response",
        readRound: 0,
        leadershipPriority: willingness(state),
      });
      return;
    case "vote-request":
      state.outbox.send({
        ...envelope,
        kind: "vote-response",
        preVote: message.preVote,
        granted: false,
        offersLog: false,
      });
      return;
    case "read-index-request":
      state.outbox.send({
        ...envelope,
        kind: "read-index-response",
        requestId: message.requestId,
        readIndex: undefined,
      });
      return;
    case "vote-response":
      // The refusal of a pre-vote by a server that is behind in its term is a refusal still.
      if (message.preVote && !message.granted) handleVoteResponse(state, message);
      return;
    case "catch-up-request":
    case "catch-up-response":
    case "append-response":
    case "heartbeat-response":
    case "snapshot-response":
    case "timeout-now":
    case "read-index-response":
      return;
  }
}

function dispatch(state: RaftState, message: Message): void {
  switch (message.kind) {
    case "vote-request":
      handleVoteRequest(state, message);
      return;
    case "vote-response":
      handleVoteResponse(state, message);
      return;
    case "catch-up-request":
      handleCatchUpRequest(state, message);
      return;
    case "catch-up-response":
      handleCatchUpResponse(state, message);
      return;
    case "append-request":
      handleAppendRequest(state, message);
      return;
    case "append-response":
      if (handleAppendResponse(state, message)) noteAdvance(state);
      return;
    case "heartbeat":
      handleHeartbeat(state, message);
      return;
    case "heartbeat-response":
      handleHeartbeatResponse(state, message);
      maybeConfirmReads(state);
      return;
    case "snapshot-chunk":
      handleSnapshotChunk(state, message);
      return;
    case "snapshot-response":
      noteSnapshotResponse(state, message);
      return;
    case "timeout-now":
      handleTimeoutNow(state);
      return;
    case "read-index-request":
      handleReadIndexRequest(state, message);
      return;
    case "read-index-response":
      handleReadIndexResponse(state, message);
      return;
  }
}

function noteSnapshotResponse(state: RaftState, message: SnapshotResponse): void {
  const installed = handleSnapshotResponse(state, message);
  if (installed === undefined) return;
  const { progress, match } = installed;
  const advanced = noteMatch(state, progress, match);
  // The log was compacted past it meanwhile: it needs a newer one.
  if (progress.state === "snapshot") progress.becomeProbe();
  if (advanced) noteAdvance(state);
}

/** More of a follower's log is known to match. */
function noteAdvance(state: RaftState): void {
  maybeCommit(state);
  maybeSendTimeoutNow(state);
}
