// The follower's side of InstallSnapshot (chapter 5): takes chunks in order, says where to go on, and
// puts the whole in place of its log once it is on disk and checked.
import { invariant } from "./errors.js";
import { hearFromLeader } from "./leader-contact.js";
import type { SnapshotChunk, SnapshotResponse } from "./message.js";
import type { RaftState, Sender } from "./state.js";
import type { SnapshotMeta } from "./types.js";

export function handleSnapshotChunk(state: RaftState, message: SnapshotChunk): void {
  hearFromLeader(state, message.from);
  const { meta, offset, data, done } = message;
  const { log, outbox, receiving } = state;
  if (receiving.installing !== undefined) return;
  if (log.commit >= meta.index || log.matches(meta.index, meta.term)) {
    // The log has all of it: what a snapshot covers is committed.
    log.commitTo(meta.index);
    receiving.partial = undefined;
    respond(state, message, meta, { kind: "installed", matchIndex: log.commit });
    return;
  }
  const expected = isSame(receiving.partial?.meta, meta) ? (receiving.partial?.nextOffset ?? 0) : 0;
  if (offset !== expected) {
    respond(state, message, meta, { kind: "progress", nextOffset: expected });
    return;
  }
  // The chunk before this one is not even handed out yet: this one comes again.
  if (outbox.chunk !== undefined && offset > 0) return;
  outbox.chunk = { meta, offset, data, done };
  const nextOffset = offset + data.byteLength;
  if (done) {
    receiving.partial = undefined;
    const { from, admittedAt } = message;
    receiving.installing = { meta, sender: { from, admittedAt } };
  } else {
    receiving.partial = { meta, nextOffset };
    respond(state, message, meta, { kind: "progress", nextOffset });
  }
}

/** The whole is durable: the snapshot is the log's beginning, and the state machine's state. */
export function finishInstall(state: RaftState): void {
  const { installing } = state.receiving;
  invariant(installing !== undefined, "a snapshot was installed that nobody sent");
  const { meta, sender } = installing;
  state.receiving.installing = undefined;
  state.log.restore(meta);
  state.memberships.restore(meta);
  state.outbox.membershipChanged = true;
  state.outbox.restore = meta;
  respond(state, sender, meta, { kind: "installed", matchIndex: meta.index });
}

/** It did not match its checksum: the log stays as it was, the leader starts again. */
export function abandonInstall(state: RaftState): void {
  const { installing } = state.receiving;
  invariant(installing !== undefined, "a snapshot was refused that nobody sent");
  state.receiving.installing = undefined;
  respond(state, installing.sender, installing.meta, { kind: "corrupt" });
}

function respond(
  state: RaftState,
  { from: to, admittedAt }: Sender,
  meta: SnapshotMeta,
  result: SnapshotResponse["result"],
): void {
  state.outbox.sendAfterWrite({
    kind: "snapshot-response",
    from: state.id,
    to,
    term: state.term,
    admittedAt,
    index: meta.index,
    result,
  });
}

function isSame(a: SnapshotMeta | undefined, b: SnapshotMeta): boolean {
  return (
    a?.index === b.index &&
    a.term === b.term &&
    a.sizeBytes === b.sizeBytes &&
    a.checksum === b.checksum
  );
}
