// Log catch-up from a voter that refuses: a server that is not elected for its outdated log asks such
// a voter for what it lacks, and campaigns again with that. Without it, a server that alone reaches a
// majority could wait for ever (the constrained election of Omni-Paxos, EuroSys 2023, section 2).
//
// A voter's log is the beginning of some leader's, so that what is adopted keeps log matching (§3.5);
// whatever is adopted is more up to date than the own log was, so that nothing committed is lost with
// what gives way (§3.6.1). It counts for no commit, and is acknowledged to no leader. docs/raft.md has
// the argument.
import { checkForm, replaceFrom } from "./append-entries.js";
import { invariant } from "./errors.js";
import { standsByLeader } from "./leader-contact.js";
import { entryBytes } from "./log-tail.js";
import { becomeFollower, resetElectionTimer } from "./roles.js";
import { logIndex, term as asTerm } from "./types.js";
import type { CatchUpRequest, CatchUpResponse } from "./message.js";
import type { CatchUpAsking, RaftState } from "./state.js";
import type { Entry, LogIndex, NodeId, Term } from "./types.js";

/** The voter's side: knows no leader that could bring the asker up to date. */
export function mayOfferLog(state: RaftState): boolean {
  return (
    state.config.catchUp &&
    state.leader === undefined &&
    !standsByLeader(state) &&
    state.receiving.installing === undefined
  );
}

/** The voter's side: sends what follows the asker's entry, or says where to look for a match. */
export function handleCatchUpRequest(state: RaftState, message: CatchUpRequest): void {
  if (!mayOfferLog(state)) return;
  const { from, prevLogIndex, prevLogTerm } = message;
  state.outbox.send({
    kind: "catch-up-response",
    from: state.id,
    to: from,
    term: state.term,
    prevLogIndex,
    prevLogTerm,
    result: resultAfter(state, prevLogIndex, prevLogTerm),
  });
}

function resultAfter(
  { log, config }: RaftState,
  prevIndex: LogIndex,
  prevTerm: Term,
): CatchUpResponse["result"] {
  const oldest = logIndex(log.firstIndex() - 1);
  if (prevIndex < oldest) return { kind: "compacted" };
  if (log.matches(prevIndex, prevTerm)) {
    const end = logIndex(log.lastIndex + 1);
    const entries = log.entries(logIndex(prevIndex + 1), end, config.maxEntriesBytes);
    return { kind: "entries", entries };
  }
  const from = logIndex(Math.min(prevIndex, log.lastIndex));
  const hintIndex = log.lastIndexWithTermAtMost(from, prevTerm, oldest);
  const hintTerm = log.term(hintIndex);
  invariant(hintTerm !== undefined, "a hint is in the log, or just before it");
  return { kind: "conflict", hintIndex, hintTerm };
}

/** A voter refused (a pre-vote, too) since its log is more complete, and may be asked for it. */
export function noteOfferedLog(state: RaftState, voter: NodeId): void {
  const { config, catchUp, log } = state;
  if (!config.catchUp || catchUp?.kind === "writing") return;
  if (catchUp === undefined) {
    askFrom(state, voter, [], log.lastIndex, log.lastTerm);
  } else if (catchUp.voter !== voter && !catchUp.others.includes(voter)) {
    catchUp.others.push(voter);
  }
}

/** Asks a voter for its log behind an entry of the own one. */
function askFrom(
  state: RaftState,
  voter: NodeId,
  others: NodeId[],
  baseIndex: LogIndex,
  baseTerm: Term,
): void {
  const catchUp: CatchUpAsking = {
    kind: "asking",
    voter,
    others,
    baseIndex,
    baseTerm,
    gathered: [],
    gatheredBytes: 0,
  };
  state.catchUp = catchUp;
  askForMore(state, catchUp);
}

function askForMore(state: RaftState, catchUp: CatchUpAsking): void {
  state.outbox.send({
    kind: "catch-up-request",
    from: state.id,
    to: catchUp.voter,
    term: state.term,
    ...awaitedPosition(catchUp),
  });
}

function awaitedPosition({ gathered, baseIndex, baseTerm }: CatchUpAsking) {
  const last = gathered.at(-1);
  return { prevLogIndex: last?.index ?? baseIndex, prevLogTerm: last?.term ?? baseTerm };
}

/** In the own term (a step before saw to that), and only while nobody is known to lead in it. */
export function handleCatchUpResponse(state: RaftState, message: CatchUpResponse): void {
  const { catchUp } = state;
  if (catchUp?.kind !== "asking" || catchUp.voter !== message.from) return;
  if (state.role === "leader" || state.leader !== undefined) return;
  const { prevLogIndex, prevLogTerm } = awaitedPosition(catchUp);
  if (message.prevLogIndex !== prevLogIndex || message.prevLogTerm !== prevLogTerm) return;
  const { result } = message;
  switch (result.kind) {
    case "entries":
      checkForm({ prevLogIndex, prevLogTerm, entries: result.entries, term: message.term });
      gather(state, catchUp, result.entries);
      return;
    case "conflict":
      backUp(state, catchUp, result.hintIndex, result.hintTerm);
      return;
    case "compacted":
      askNextVoter(state, catchUp);
      return;
  }
}

/**
 * Adopts what has come in as soon as it ends more up to date than the own log. Until then, as where
 * the own log ends in a later term than the voter's goes on with, it is kept aside.
 */
function gather(state: RaftState, catchUp: CatchUpAsking, entries: readonly Entry[]): void {
  catchUp.gathered.push(...entries);
  catchUp.gatheredBytes += entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  const last = catchUp.gathered.at(-1);
  if (entries.length === 0 || last === undefined) {
    // The voter's log ends here: it has dropped what it refused for, or was asked twice.
    askNextVoter(state, catchUp);
  } else if (isMoreUpToDate(state, last)) {
    adopt(state, catchUp, last);
  } else if (catchUp.gatheredBytes < state.config.maxCatchUpBytes) {
    state.electionElapsed = 0;
    askForMore(state, catchUp);
  } else {
    askNextVoter(state, catchUp);
  }
}

function isMoreUpToDate({ log }: RaftState, last: Entry): boolean {
  return last.term > log.lastTerm || (last.term === log.lastTerm && last.index > log.lastIndex);
}

/**
 * Puts the entries in the place of what conflicts with them. Where something gives way, in a new
 * term: the leader of the old one may reckon with what this server acknowledged to it, and tell it
 * by a heartbeat that this is committed. The campaign under way was for the log as it was.
 */
function adopt(state: RaftState, { gathered, baseIndex, baseTerm }: CatchUpAsking, last: Entry) {
  const { log, receiving } = state;
  invariant(receiving.installing === undefined, "the log must not change under a snapshot");
  invariant(log.matches(baseIndex, baseTerm), "the log has changed while it was to catch up");
  const news = gathered.filter(({ index, term }) => !log.matches(index, term));
  const [first] = news;
  invariant(first !== undefined, "what is more up to date is in the log already");
  const isDropping = first.index <= log.lastIndex;
  becomeFollower(state, isDropping ? asTerm(state.term + 1) : state.term, undefined);
  resetElectionTimer(state);
  replaceFrom(state, news);
  state.catchUp = { kind: "writing", through: last.index };
}

/** Looks for the match further back, as a leader does (§3.5). */
function backUp(
  state: RaftState,
  catchUp: CatchUpAsking,
  hintIndex: LogIndex,
  hintTerm: Term,
): void {
  const { log } = state;
  const from = logIndex(Math.min(hintIndex, log.lastIndex));
  // What is committed is in every log that is more up to date.
  const base = log.lastIndexWithTermAtMost(from, hintTerm, log.commit);
  const baseTerm = log.term(base);
  if (catchUp.gathered.length > 0 || base >= catchUp.baseIndex || baseTerm === undefined) {
    askNextVoter(state, catchUp);
  } else {
    askFrom(state, catchUp.voter, catchUp.others, base, baseTerm);
  }
}

/** The one that was asked cannot help. */
function askNextVoter(state: RaftState, { others }: CatchUpAsking): void {
  const [next, ...rest] = others;
  const { log } = state;
  if (next === undefined) state.catchUp = undefined;
  else askFrom(state, next, rest, log.lastIndex, log.lastTerm);
}

/** True where what was adopted is on disk by now, once: time to campaign with it. */
export function finishCatchUp(state: RaftState): boolean {
  const { catchUp, log } = state;
  if (catchUp?.kind !== "writing" || log.persisted < catchUp.through) return false;
  state.catchUp = undefined;
  return true;
}
