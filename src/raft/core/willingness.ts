// How willing a server says it is to lead. One that was asked to take over and was not elected says
// "not at all" for a while: it may reach its leader and no majority, and would else be asked, and
// depose that leader by the term of its election, again and again.
import type { RaftState } from "./state.js";

/**
 * Election timeouts for which it declines at first, and twice as many each further time: longer than it
 * takes until six others were asked and have failed as well.
 */
const FIRST_DECLINE_TIMEOUTS = 64;
const MAX_DOUBLINGS = 4;

/** What heartbeat responses tell the leader. */
export function willingness(state: RaftState): number {
  return state.takeover.declinesForTicks > 0 ? 0 : state.leadershipPriority;
}

/** A campaign is over that did not make this server the leader. */
export function noteCampaignFailed({ campaign, takeover, config }: RaftState): void {
  if (campaign?.isTakeover !== true) return;
  const timeouts = FIRST_DECLINE_TIMEOUTS * 2 ** Math.min(takeover.failures, MAX_DOUBLINGS);
  takeover.declinesForTicks = timeouts * config.electionTicks;
  takeover.failures += 1;
}

/** It was elected, so that it reaches a majority. */
export function noteElected({ takeover }: RaftState): void {
  takeover.failures = 0;
  takeover.declinesForTicks = 0;
}

export function tickWillingness({ takeover }: RaftState): void {
  if (takeover.declinesForTicks > 0) takeover.declinesForTicks -= 1;
}
