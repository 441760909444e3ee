// The state for those who look on: metrics, the dashboard, tests.
import type { PeerStatus, RaftStatus } from "./results.js";
import type { RaftState } from "./state.js";

export function statusOf(state: RaftState): RaftStatus {
  const { log, leadership, memberships } = state;
  return {
    id: state.id,
    role: state.role,
    term: state.term,
    vote: state.vote,
    leader: state.leader,
    commit: log.commit,
    applied: log.applied,
    lastIndex: log.lastIndex,
    persistedIndex: log.persisted,
    membership: memberships.current.membership,
    membershipIndex: memberships.current.index,
    transferringTo: leadership?.transfer?.to,
    peers: [...(leadership?.peers ?? [])].map(([id, progress]): PeerStatus => ({
      id,
      match: progress.match,
      next: progress.next,
      state: progress.state,
      recentActive: progress.recentActive,
      inflightMessages: progress.inflight.messages,
      inflightBytes: progress.inflight.bytes,
      snapshotOffset: progress.snapshot?.offset,
    })),
  };
}
