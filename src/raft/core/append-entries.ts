// The follower's side of AppendEntries (§3.5): the consistency check, dropping what conflicts, and
// the acknowledgement that leaves once the entries are on disk.
import { invariant } from "./errors.js";
import { hearFromLeader } from "./leader-contact.js";
import { logIndex } from "./types.js";
import type { AppendRequest, AppendResponse } from "./message.js";
import type { RaftState, Sender } from "./state.js";
import type { Entry, LogIndex } from "./types.js";

export function handleAppendRequest(state: RaftState, message: AppendRequest): void {
  hearFromLeader(state, message.from);
  // A snapshot is about to take the log's place; the leader sends again.
  if (state.receiving.installing !== undefined) return;
  const { log } = state;
  checkForm(message);
  checkCommitted(state, message);
  const { prevLogIndex, prevLogTerm, entries } = message;
  const lastNew = logIndex(prevLogIndex + entries.length);
  if (lastNew <= log.commit) {
    acknowledge(state, message, log.commit);
    return;
  }
  if (prevLogIndex > log.commit && !log.matches(prevLogIndex, prevLogTerm)) {
    reject(state, message);
    return;
  }
  const conflict = entries.findIndex(
    ({ index, term }) => index > log.commit && !log.matches(index, term),
  );
  if (conflict >= 0) replaceFrom(state, entries.slice(conflict));
  const isCommitNews = log.commitTo(logIndex(Math.min(message.leaderCommit, lastNew)));
  // Acknowledged before. Was that lost, the leader asks again, with no news then.
  if (isCommitNews && entries.length === 0 && wasAcknowledged(state, message, lastNew)) return;
  acknowledge(state, message, lastNew);
}

function wasAcknowledged(
  { acknowledged, term }: RaftState,
  { admittedAt }: Sender,
  index: LogIndex,
): boolean {
  const isToSame = acknowledged.term === term && acknowledged.admittedAt === admittedAt;
  return isToSame && index <= acknowledged.index;
}

/** The first of `entries` is past the log's end, or differs from what stands there. */
export function replaceFrom(state: RaftState, entries: readonly Entry[]): void {
  const { log, memberships, outbox } = state;
  const first = entries[0];
  invariant(first !== undefined, "nothing to append");
  if (first.index <= log.lastIndex) {
    log.truncateFrom(first.index);
    if (memberships.truncateFrom(first.index)) outbox.membershipChanged = true;
  }
  log.append(entries);
  if (memberships.append(entries)) outbox.membershipChanged = true;
}

type Form = Pick<AppendRequest, "prevLogIndex" | "prevLogTerm" | "entries" | "term">;

/** Throws for entries that no log of a server in that term can hold in that place. */
export function checkForm({ prevLogIndex, prevLogTerm, entries, term }: Form): void {
  let lastTerm = prevLogTerm;
  for (const [position, entry] of entries.entries()) {
    invariant(entry.index === prevLogIndex + 1 + position, "an append has a gap");
    invariant(entry.term >= lastTerm && entry.term <= term, "an append's terms are out of order");
    lastTerm = entry.term;
  }
}

/** A leader has every committed entry (§3.6.3): a conflict there means that the cluster is broken. */
function checkCommitted(state: RaftState, message: AppendRequest): void {
  const { log } = state;
  const check = (index: LogIndex, term: number) => {
    if (index > log.commit) return;
    const own = log.term(index);
    invariant(
      own === undefined || own === term,
      `append of ${message.from} conflicts with the committed entry ${index}`,
    );
  };
  check(message.prevLogIndex, message.prevLogTerm);
  for (const { index, term } of message.entries) check(index, term);
}

function acknowledge(state: RaftState, sender: Sender, matchIndex: LogIndex): void {
  if (!wasAcknowledged(state, sender, matchIndex)) {
    const { admittedAt } = sender;
    state.acknowledged = { term: state.term, admittedAt, index: matchIndex };
  }
  respond(state, sender, { success: true, matchIndex });
}

/** Points the leader to the last entry that can match its own before `prevLogIndex`. */
function reject(state: RaftState, message: AppendRequest): void {
  const { log } = state;
  const { prevLogIndex, prevLogTerm } = message;
  const hintIndex = log.lastIndexWithTermAtMost(
    logIndex(Math.min(prevLogIndex, log.lastIndex)),
    prevLogTerm,
    log.commit,
  );
  const hintTerm = log.term(hintIndex);
  invariant(hintTerm !== undefined, "the hint is at or past the commit, so it is in the log");
  respond(state, message, { success: false, rejectedIndex: prevLogIndex, hintIndex, hintTerm });
}

function respond(
  state: RaftState,
  { from: to, admittedAt }: Sender,
  result: AppendResponse["result"],
): void {
  const response: AppendResponse = {
    kind: "append-response",
    from: state.id,
    to,
    term: state.term,
    admittedAt,
    result,
  };
  // A refusal promises nothing.
  if (result.success) state.outbox.sendAfterWrite(response);
  else state.outbox.send(response);
}
