// What time brings: elections that are due, heartbeats, a leader's check that it still has a quorum.
import { maybeCampaign } from "./election.js";
import { broadcastHeartbeat } from "./heartbeat.js";
import { maybeHandOver, tickTransfer } from "./leadership-transfer.js";
import { tickDeparted } from "./membership-change.js";
import { quorumVote } from "./quorum/joint.js";
import { tickForwardedReads } from "./read-index.js";
import { becomeFollower } from "./roles.js";
import { tickSnapshots } from "./snapshot-sending.js";
import { tickWillingness } from "./willingness.js";
import type { Leadership, RaftState } from "./state.js";

/** Units of time have passed since the last call: one, or more where it comes late. */
export function tick(state: RaftState, passed: number): void {
  tickWillingness(state);
  const { leadership } = state;
  if (leadership === undefined) tickFollower(state);
  else tickLeader(state, leadership, passed);
}

function tickFollower(state: RaftState): void {
  state.electionElapsed += 1;
  state.leaderContactElapsed += 1;
  tickForwardedReads(state);
  if (state.electionElapsed >= state.electionTimeout) maybeCampaign(state);
}

function tickLeader(state: RaftState, leadership: Leadership, passed: number): void {
  state.leaderContactElapsed += 1;
  // At most half a period at once, so that answers that wait to be read are heard before the next look.
  leadership.quorumElapsed += Math.min(passed, state.config.electionTicks / 2);
  if (leadership.quorumElapsed >= state.config.electionTicks) {
    leadership.quorumElapsed = 0;
    if (!hasQuorum(state, leadership)) {
      becomeFollower(state, state.term, undefined);
      return;
    }
    maybeHandOver(state);
    for (const progress of leadership.peers.values()) {
      progress.recentActive = false;
      progress.isNewcomer = false;
    }
  }
  tickTransfer(state);
  tickSnapshots(state);
  tickDeparted(state);
  leadership.heartbeatElapsed += 1;
  if (leadership.heartbeatElapsed >= state.config.heartbeatTicks) broadcastHeartbeat(state);
}

/** Check-quorum (§6.2): only answers count, since a link may work in one direction alone. */
function hasQuorum(state: RaftState, { peers }: Leadership): boolean {
  if (!state.config.checkQuorum) return true;
  const active = quorumVote(state.memberships.current.quorum, (id) => {
    const progress = peers.get(id);
    return id === state.id || progress?.recentActive === true || progress?.isNewcomer === true;
  });
  return active === "won";
}
