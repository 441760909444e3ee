// How a leader's log grows: entries are appended, and the configuration in force follows them.
import { invariant } from "./errors.js";
import { memberIds } from "./membership.js";
import { Progress } from "./progress.js";
import { logIndex } from "./types.js";
import type { Message } from "./message.js";
import type { Leadership, RaftState } from "./state.js";
import type { Entry, EntryKind, LogIndex } from "./types.js";

/** Appends entries of the own term; they are sent and written with the next `Ready`. */
export function appendAsLeader(
  state: RaftState,
  kind: EntryKind,
  data: readonly Uint8Array[],
): readonly Entry[] {
  const { leadership, log } = state;
  invariant(leadership !== undefined, "only a leader appends");
  const first = log.lastIndex + 1;
  const entries = data.map((bytes, position) => ({
    index: logIndex(first + position),
    term: state.term,
    kind,
    data: bytes,
  }));
  log.append(entries);
  leadership.replicationDue = true;
  if (kind === "membership" && state.memberships.append(entries)) {
    state.outbox.membershipChanged = true;
    followMembership(state, leadership);
  }
  return entries;
}

/** Tracks the members that a new leader finds. */
export function trackMembers(state: RaftState, leadership: Leadership): void {
  for (const id of memberIds(state.memberships.current.membership)) {
    if (id !== state.id) leadership.peers.set(id, newProgress(state, undefined));
  }
}

/** Tracks whom the configuration in force has added; ones that it removed depart. */
function followMembership(state: RaftState, leadership: Leadership): void {
  const { index, membership } = state.memberships.current;
  const ids = memberIds(membership);
  for (const id of ids) {
    if (id === state.id) continue;
    const known = leadership.peers.get(id);
    // One that was removed and comes back may have lost its log meanwhile: nothing is known of it.
    const isNew = known === undefined || known.departsAt !== undefined;
    if (!isNew) continue;
    const progress = newProgress(state, index);
    progress.isNewcomer = true;
    leadership.peers.set(id, progress);
  }
  for (const [id, progress] of leadership.peers) {
    if (!ids.has(id)) progress.departsAt ??= index;
  }
}

/** Of whom an answer comes from; undefined where it is of a membership that has ended. */
export function progressOf(
  { leadership }: RaftState,
  { from, admittedAt }: Pick<Message, "from" | "admittedAt">,
): Progress | undefined {
  const progress = leadership?.peers.get(from);
  return progress?.admittedAt === admittedAt ? progress : undefined;
}

/** Nothing is known of it: probing starts at the log's end. */
function newProgress(state: RaftState, admittedAt: LogIndex | undefined): Progress {
  const { maxInflightMessages, maxInflightBytes } = state.config;
  const next: LogIndex = logIndex(state.log.lastIndex + 1);
  return new Progress(next, admittedAt, maxInflightMessages, maxInflightBytes);
}
