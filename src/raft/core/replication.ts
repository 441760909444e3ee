// The leader's side of AppendEntries (§3.5, §10.2.2): what is sent to whom, and what the answers
// say. Appends are pipelined within a window; what a follower lacks and the log no longer has goes
// as a snapshot.
import { invariant } from "./errors.js";
import { progressOf } from "./leader-log.js";
import { entryBytes } from "./log-tail.js";
import { maybeSendSnapshot } from "./snapshot-sending.js";
import { logIndex } from "./types.js";
import type { AppendResponse } from "./message.js";
import type { Progress } from "./progress.js";
import type { RaftState } from "./state.js";
import type { Entry, LogIndex, NodeId } from "./types.js";

/**
 * Sends what is due to everyone, as far as the windows allow. With `holdCommits`, what only tells
 * of a commit stays due: it rides along with the entries that the commit brings about.
 */
export function maybeReplicate(state: RaftState, holdCommits: boolean): void {
  const { leadership } = state;
  if (leadership?.replicationDue !== true) return;
  leadership.replicationDue = holdCommits;
  for (const [id, progress] of leadership.peers) replicateTo(state, id, progress, holdCommits);
}

function replicateTo(state: RaftState, id: NodeId, progress: Progress, holdCommits: boolean): void {
  const { log, config } = state;
  while (!progress.isPaused()) {
    const end = logIndex(log.lastIndex + 1);
    const entries = log.entries(progress.next, end, config.maxEntriesBytes);
    const isCompacted = entries.length === 0 && progress.next < end;
    if (isCompacted || log.term(logIndex(progress.next - 1)) === undefined) {
      maybeSendSnapshot(state, id, progress);
      return;
    }
    const isNews = entries.length > 0 || (!holdCommits && log.commit > progress.sentCommit);
    if (progress.state === "replicate" && !isNews) return;
    sendAppend(state, id, progress, entries);
    noteSent(state, progress, entries);
    // An append without entries tells all there is to tell.
    if (entries.length === 0) return;
  }
  if (progress.state === "snapshot") maybeSendSnapshot(state, id, progress);
}

/**
 * An append without entries just past all that was sent: if any of that was lost, the refusal says
 * so. Goes out even when the window is full of messages that never arrived. Where the log is
 * compacted past that point, what was sent could not be sent again anyhow: starts over.
 */
export function sendLossProbe(state: RaftState, id: NodeId, progress: Progress): void {
  if (state.log.term(logIndex(progress.next - 1)) === undefined) progress.becomeProbe();
  else sendAppend(state, id, progress, []);
}

function sendAppend(
  state: RaftState,
  to: NodeId,
  { next, admittedAt }: Progress,
  entries: readonly Entry[],
): void {
  const prevLogIndex = logIndex(next - 1);
  const prevLogTerm = state.log.term(prevLogIndex);
  invariant(prevLogTerm !== undefined, "an append needs the term before it");
  state.outbox.send({
    kind: "append-request",
    from: state.id,
    to,
    term: state.term,
    admittedAt,
    prevLogIndex,
    prevLogTerm,
    entries,
    leaderCommit: state.log.commit,
  });
}

function noteSent(state: RaftState, progress: Progress, entries: readonly Entry[]): void {
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  const lastIndex = logIndex(progress.next - 1 + entries.length);
  progress.noteSent(lastIndex, bytes, state.log.commit);
}

/** True where more of the log is known to match than before: the caller may commit. */
export function handleAppendResponse(state: RaftState, message: AppendResponse): boolean {
  const { leadership, log } = state;
  const progress = progressOf(state, message);
  if (leadership === undefined || progress === undefined) return false;
  const { result } = message;
  progress.recentActive = true;
  leadership.replicationDue = true;
  if (result.success) return noteMatch(state, progress, result.matchIndex);
  const lastPossibleMatch = log.lastIndexWithTermAtMost(
    min(result.hintIndex, log.lastIndex),
    result.hintTerm,
    progress.match,
  );
  progress.maybeBackUp(result.rejectedIndex, lastPossibleMatch);
  return false;
}

/** The follower's log is known to match up to there. */
export function noteMatch(state: RaftState, progress: Progress, match: LogIndex): boolean {
  const { log } = state;
  invariant(match <= log.lastIndex, `match ${match} is past the leader's log ${log.lastIndex}`);
  const advanced = progress.maybeAdvance(match);
  switch (progress.state) {
    case "probe":
      // An older acknowledgement does not answer the probe.
      if (advanced || match === progress.match) progress.becomeReplicate();
      break;
    case "replicate":
      break;
    case "snapshot":
      // What it has is enough to go on with the log.
      if (progress.match + 1 >= log.firstIndex()) progress.becomeReplicate();
      break;
  }
  return advanced;
}

/** The transport lost what was on its way: starts over from what is known to match. */
export function reportUnreachable(state: RaftState, id: NodeId): void {
  const progress = state.leadership?.peers.get(id);
  if (progress?.state === "replicate") progress.becomeProbe();
}

function min(a: LogIndex, b: LogIndex): LogIndex {
  return a < b ? a : b;
}
