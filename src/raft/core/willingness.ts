// How willing a server is to lead. One that was asked to take over and was not elected says "not at
// all" for a while: it may reach its leader and no majority, and would else be asked, and depose that
// leader by the term of its election, again and again. So does one whose disk stands still: leading,
// it could commit by the others' disks and would apply, and answer, nothing.
import type { RaftState } from "./state.js";

/**
 * Election timeouts for which it declines at first, and twice as many each further time: longer than it
 * takes until six others were asked and have failed as well.
 */
const FIRST_DECLINE_TIMEOUTS = 64;
const MAX_DOUBLINGS = 4;
/** Election timeouts without the end of a write after which a disk counts as standing still. */
const STANDING_TIMEOUTS = 2;

/** What heartbeat responses tell the leader, and what a leader goes by itself. */
export function willingness(state: RaftState): number {
  const isDeclining = state.takeover.declinesForTicks > 0 || isDiskStanding(state);
  return isDeclining ? 0 : state.leadershipPriority;
}

function isDiskStanding({ disk, config }: RaftState): boolean {
  return disk.standingTicks >= STANDING_TIMEOUTS * config.electionTicks;
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

export function tickWillingness({ takeover, disk }: RaftState): void {
  if (takeover.declinesForTicks > 0) takeover.declinesForTicks -= 1;
  if (disk.writes.length > 0) disk.standingTicks += 1;
}
