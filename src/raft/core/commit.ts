// When an entry is committed: on disk on a quorum, and of the leader's own term (§3.6.2). What waits
// for it goes on: proposals, changes of the configuration.
import { invariant } from "./errors.js";
import { maybeAdvanceMembership } from "./membership-change.js";
import { quorumIndex } from "./quorum/joint.js";
import { logIndex } from "./types.js";
import type { RaftState } from "./state.js";

/** Commits what a quorum has. Entries of former terms are committed along, never counted alone. */
export function maybeCommit(state: RaftState): void {
  const { leadership, log } = state;
  if (leadership === undefined) return;
  const { peers, uncommitted } = leadership;
  // The leader counts itself, where it votes, by its own disk (§10.2.1).
  const index = quorumIndex(state.memberships.current.quorum, (id) =>
    id === state.id ? log.persisted : (peers.get(id)?.match ?? 0),
  );
  invariant(Number.isFinite(index), "a leader leads voters");
  if (index <= log.commit || log.term(logIndex(index)) !== state.term) return;
  log.commitTo(logIndex(index));
  leadership.replicationDue = true;
  let batch = uncommitted.batches[0];
  while (batch !== undefined && batch.lastIndex <= index) {
    uncommitted.bytes -= batch.bytes;
    uncommitted.batches.shift();
    batch = uncommitted.batches[0];
  }
  maybeAdvanceMembership(state);
}
