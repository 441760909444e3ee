// Linearizable reads without a log entry (§6.4): the leader notes its commit index, has a quorum
// confirm that it still leads, and answers. Reads that arrive meanwhile share the next round.
import { broadcastHeartbeat } from "./heartbeat.js";
import { quorumIndex } from "./quorum/joint.js";
import { answerRead } from "./read-answers.js";
import type { ReadIndexRequest, ReadIndexResponse } from "./message.js";
import type { RaftState, ReadRequest } from "./state.js";

/** A read of the own driver. */
export function requestRead(state: RaftState, requestId: number): void {
  if (state.role === "leader") {
    admitRead(state, { requestId, from: state.id });
  } else if (
    state.leader === undefined ||
    state.forwardedReads.pending.size >= state.config.maxPendingReads
  ) {
    state.outbox.reads.push({ requestId, readIndex: undefined });
  } else {
    const number = state.forwardedReads.nextNumber;
    state.forwardedReads.nextNumber += 1;
    state.forwardedReads.pending.set(number, { requestId, elapsed: 0 });
    state.outbox.send({
      kind: "read-index-request",
      from: state.id,
      to: state.leader,
      term: state.term,
      requestId: number,
    });
  }
}

/** A follower's read. Where this server does not lead, the follower is told. */
export function handleReadIndexRequest(state: RaftState, message: ReadIndexRequest): void {
  admitRead(state, { requestId: message.requestId, from: message.from });
}

function admitRead(state: RaftState, request: ReadRequest): void {
  const reads = state.leadership?.reads;
  if (reads === undefined || reads.pending >= state.config.maxPendingReads) {
    answerRead(state, request, undefined);
    return;
  }
  reads.waiting.push(request);
  reads.pending += 1;
}

/** The leader answered a read that was forwarded to it; late answers find nobody waiting. */
export function handleReadIndexResponse(state: RaftState, message: ReadIndexResponse): void {
  const { pending } = state.forwardedReads;
  const read = pending.get(message.requestId);
  if (read === undefined || message.from !== state.leader) return;
  pending.delete(message.requestId);
  state.outbox.reads.push({ requestId: read.requestId, readIndex: message.readIndex });
}

/** Gives up forwarded reads whose request or answer seems lost. */
export function tickForwardedReads(state: RaftState): void {
  const { pending } = state.forwardedReads;
  for (const [number, read] of pending) {
    read.elapsed += 1;
    if (read.elapsed < state.config.electionTicks) continue;
    pending.delete(number);
    state.outbox.reads.push({ requestId: read.requestId, readIndex: undefined });
  }
}

/**
 * A round can start: before the first commit of its own term a leader does not know what its
 * predecessors committed.
 */
export function canStartReadRound(state: RaftState): boolean {
  const { leadership } = state;
  return (
    leadership !== undefined &&
    leadership.reads.waiting.length > 0 &&
    state.log.commit >= leadership.termStart
  );
}

/** Starts a round for all reads that wait. */
export function maybeStartReadRound(state: RaftState): void {
  const reads = state.leadership?.reads;
  if (reads === undefined || !canStartReadRound(state)) return;
  reads.lastRound += 1;
  reads.rounds.push({
    round: reads.lastRound,
    readIndex: state.log.commit,
    requests: reads.waiting,
  });
  reads.waiting = [];
  broadcastHeartbeat(state);
  maybeConfirmReads(state);
}

/** Answers the rounds that a quorum has confirmed; a later round confirms the earlier ones. */
export function maybeConfirmReads(state: RaftState): void {
  const { leadership } = state;
  if (leadership === undefined) return;
  const { reads, peers } = leadership;
  let oldest = reads.rounds[0];
  if (oldest === undefined) return;
  const confirmed = quorumIndex(state.memberships.current.quorum, (id) =>
    id === state.id ? reads.lastRound : (peers.get(id)?.ackedRound ?? 0),
  );
  while (oldest !== undefined && oldest.round <= confirmed) {
    for (const request of oldest.requests) answerRead(state, request, oldest.readIndex);
    reads.pending -= oldest.requests.length;
    reads.rounds.shift();
    oldest = reads.rounds[0];
  }
}
