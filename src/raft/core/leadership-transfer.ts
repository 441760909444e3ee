// Handing leadership over (§3.10): the target is brought up to date, then told to campaign at once;
// no proposals meanwhile, and for one election timeout at most.
import { isJoint } from "./membership.js";
import { willingness } from "./willingness.js";
import type { Progress } from "./progress.js";
import type { Refused, TransferRefusal, TransferResult } from "./results.js";
import type { Leadership, RaftState } from "./state.js";
import type { NodeId } from "./types.js";

/** Begins a transfer, to the voter whose log is furthest where none is named. */
export function transferLeadership(state: RaftState, named: NodeId | undefined): TransferResult {
  const { leadership } = state;
  const refuse = (reason: TransferRefusal): Refused<TransferRefusal> => ({
    kind: "refused",
    reason,
    leader: state.leader,
  });
  if (leadership === undefined) return refuse("not-leader");
  if (leadership.transfer !== undefined) return refuse("already-transferring");
  if (named === state.id) return refuse("already-leader");
  const to = named ?? furthestVoter(state, leadership);
  if (to === undefined) return refuse("no-other-voter");
  if (!isFutureVoter(state, to)) return refuse("not-a-voter");
  leadership.transfer = { to, elapsed: 0, timeoutNowSent: false };
  leadership.replicationDue = true;
  maybeSendTimeoutNow(state);
  return { kind: "started", to };
}

/** The target has caught up: it campaigns with the whole log. */
export function maybeSendTimeoutNow(state: RaftState): void {
  const { leadership, log } = state;
  const transfer = leadership?.transfer;
  if (leadership === undefined || transfer === undefined || transfer.timeoutNowSent) return;
  const { to } = transfer;
  if (leadership.peers.get(to)?.match !== log.lastIndex) return;
  transfer.timeoutNowSent = true;
  state.outbox.send({ kind: "timeout-now", from: state.id, to, term: state.term });
}

/** Gives a transfer up that takes longer than an election timeout, or whose target was removed. */
export function tickTransfer(state: RaftState): void {
  const { leadership } = state;
  const transfer = leadership?.transfer;
  if (leadership === undefined || transfer === undefined) return;
  transfer.elapsed += 1;
  if (transfer.elapsed >= state.config.electionTicks || !isFutureVoter(state, transfer.to)) {
    leadership.transfer = undefined;
  }
}

/**
 * Hands over to a more willing voter that has everything committed. The caller has just heard from
 * a quorum.
 */
export function maybeHandOver(state: RaftState): void {
  const { leadership, log, memberships } = state;
  if (leadership === undefined || leadership.transfer !== undefined) return;
  const { index, membership } = memberships.current;
  if (isJoint(membership) || index > log.commit || log.commit < leadership.termStart) return;
  let best: { readonly id: NodeId; readonly progress: Progress } | undefined;
  for (const [id, progress] of leadership.peers) {
    const isReady =
      progress.recentActive &&
      progress.state === "replicate" &&
      progress.match >= log.commit &&
      isFutureVoter(state, id);
    const bar = best?.progress.leadershipPriority ?? willingness(state);
    if (isReady && progress.leadershipPriority > bar) best = { id, progress };
  }
  if (best !== undefined) transferLeadership(state, best.id);
}

function furthestVoter(state: RaftState, leadership: Leadership): NodeId | undefined {
  let best: { readonly id: NodeId; readonly progress: Progress } | undefined;
  for (const [id, progress] of leadership.peers) {
    if (!isFutureVoter(state, id)) continue;
    if (best === undefined || isBetter(progress, best.progress)) best = { id, progress };
  }
  return best?.id;
}

function isBetter(a: Progress, b: Progress): boolean {
  return a.recentActive === b.recentActive ? a.match > b.match : a.recentActive;
}

/** Votes, and still will when a joint configuration is left. */
function isFutureVoter(state: RaftState, id: NodeId): boolean {
  return state.memberships.current.quorum.incoming.includes(id);
}
