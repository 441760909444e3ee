// The leader's side of InstallSnapshot (chapter 5): chunk by chunk, each waiting for the answer to
// the one before, while everything else goes on. The follower says where to go on.
import { progressOf } from "./leader-log.js";
import type { SnapshotResponse } from "./message.js";
import type { Progress, SnapshotTransfer } from "./progress.js";
import type { RaftState } from "./state.js";
import type { LogIndex, NodeId } from "./types.js";

/** Sends the next chunk, if the last one was answered; starts a transfer where none is under way. */
export function maybeSendSnapshot(state: RaftState, id: NodeId, progress: Progress): void {
  if (progress.snapshot === undefined && !maybeStart(state, progress)) return;
  const transfer = progress.snapshot;
  if (transfer === undefined || transfer.awaitedEnd !== undefined) return;
  const { meta, offset } = transfer;
  const data = state.log.snapshotChunk(meta, offset, state.config.snapshotChunkBytes);
  const end = offset + (data?.byteLength ?? 0);
  if (data === undefined || (end === offset && offset < meta.sizeBytes)) {
    // Replaced by a newer one meanwhile: find out anew what the follower needs.
    progress.becomeProbe();
    return;
  }
  transfer.awaitedEnd = end;
  transfer.awaitedTicks = 0;
  state.outbox.send({
    kind: "snapshot-chunk",
    from: state.id,
    to: id,
    term: state.term,
    admittedAt: progress.admittedAt,
    meta,
    offset,
    data,
    done: end >= meta.sizeBytes,
  });
}

function maybeStart(state: RaftState, progress: Progress): boolean {
  const meta = state.log.snapshot();
  // One that does not answer would only hold an old snapshot up.
  if (meta === undefined || !progress.recentActive) return false;
  progress.becomeSnapshot(meta);
  return true;
}

/** Returns up to where the follower's log is known to match, once it is installed. */
export function handleSnapshotResponse(
  state: RaftState,
  message: SnapshotResponse,
): { readonly progress: Progress; readonly match: LogIndex } | undefined {
  const { leadership } = state;
  const progress = progressOf(state, message);
  if (leadership === undefined || progress === undefined) return undefined;
  progress.recentActive = true;
  leadership.replicationDue = true;
  const { result } = message;
  if (result.kind === "installed") return { progress, match: result.matchIndex };
  const transfer = progress.snapshot;
  if (transfer?.meta.index !== message.index) return undefined;
  if (result.kind === "corrupt") startAgainLater(transfer);
  else if (result.nextOffset === transfer.awaitedEnd) goOnAt(transfer, result.nextOffset);
  else if (result.nextOffset !== transfer.offset) {
    // Elsewhere than thought: it started again, or had a part of it from before.
    goOnAt(transfer, Math.min(result.nextOffset, transfer.meta.sizeBytes));
  }
  return undefined;
}

function goOnAt(transfer: SnapshotTransfer, offset: number): void {
  transfer.offset = offset;
  transfer.awaitedEnd = undefined;
}

/** Not at once: were it this server's copy that is damaged, it would be sent for ever. */
function startAgainLater(transfer: SnapshotTransfer): void {
  transfer.offset = 0;
  transfer.awaitedEnd = 0;
  transfer.awaitedTicks = 0;
}

/** Sends a chunk again that was not answered for an election timeout. */
export function tickSnapshots(state: RaftState): void {
  const { leadership } = state;
  if (leadership === undefined) return;
  for (const { snapshot } of leadership.peers.values()) {
    if (snapshot?.awaitedEnd === undefined) continue;
    snapshot.awaitedTicks += 1;
    if (snapshot.awaitedTicks < state.config.electionTicks) continue;
    snapshot.awaitedEnd = undefined;
    leadership.replicationDue = true;
  }
}
