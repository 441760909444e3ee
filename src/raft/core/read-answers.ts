// How a read is answered, or given up: to the own driver or to the follower that forwarded it (§6.4).
import type { ReadRequest, RaftState } from "./state.js";
import type { LogIndex } from "./types.js";

/** `readIndex` is undefined where the read was given up. */
export function answerRead(
  state: RaftState,
  request: ReadRequest,
  readIndex: LogIndex | undefined,
): void {
  const { requestId, from } = request;
  if (from === state.id) {
    state.outbox.reads.push({ requestId, readIndex });
    return;
  }
  state.outbox.send({
    kind: "read-index-response",
    from: state.id,
    to: from,
    term: state.term,
    requestId,
    readIndex,
  });
}

/** Leadership ends: nobody vouches any more for reads that wait. */
export function giveUpReads(state: RaftState): void {
  const reads = state.leadership?.reads;
  if (reads === undefined) return;
  for (const round of reads.rounds) {
    for (const request of round.requests) answerRead(state, request, undefined);
  }
  for (const request of reads.waiting) answerRead(state, request, undefined);
}

/** The leader that was asked is no longer followed. */
export function giveUpForwardedReads(state: RaftState): void {
  for (const { requestId } of state.forwardedReads.pending.values()) {
    state.outbox.reads.push({ requestId, readIndex: undefined });
  }
  state.forwardedReads.pending.clear();
}
