// Gathers a `Ready` from what the duties left to do, and takes in what the disk has done.
import { finishCatchUp } from "./catch-up.js";
import { maybeCommit } from "./commit.js";
import { countOwnVote, maybeCampaign } from "./election.js";
import { invariant } from "./errors.js";
import { canStartReadRound, maybeStartReadRound } from "./read-index.js";
import { maybeReplicate } from "./replication.js";
import { abandonInstall, finishInstall } from "./snapshot-receiving.js";
import { logIndex } from "./types.js";
import type { ReceivedChunk } from "./outbox.js";
import type { Ready, SoftState, Write } from "./ready.js";
import type { RaftState } from "./state.js";
import type { HardState } from "./types.js";

/** There is something for `takeReady`, though it may turn out that nobody can be sent anything. */
export function hasReady(state: RaftState): boolean {
  const { disk, outbox } = state;
  return (
    outbox.messages.length > 0 ||
    outbox.reads.length > 0 ||
    outbox.restore !== undefined ||
    outbox.membershipChanged ||
    state.leadership?.replicationDue === true ||
    needsWrite(state) ||
    (outbox.messagesAfter.length > 0 && disk.writes.length === 0) ||
    canApply(state) ||
    softStateChanged(state) ||
    canStartReadRound(state)
  );
}

/** Hands out all there is to do, as far as the limits allow. */
export function takeReady(state: RaftState): Ready {
  const { outbox, log, memberships, disk } = state;
  maybeStartReadRound(state);
  // A driver that applies these is often given the next proposal at once.
  const hasCommitted = canApply(state);
  maybeReplicate(state, hasCommitted);
  const softState = softStateChanged(state) ? softStateOf(state) : undefined;
  if (softState !== undefined) disk.lastSoftState = softState;
  const write = takeWrite(state);
  const ready: Ready = {
    softState,
    membership: outbox.membershipChanged ? memberships.current.membership : undefined,
    messages: outbox.messages,
    write,
    committed: hasCommitted ? log.takeCommitted(state.config.maxApplyingBytes) : [],
    reads: outbox.reads,
    restore: outbox.restore,
  };
  outbox.messages = [];
  outbox.reads = [];
  outbox.restore = undefined;
  outbox.membershipChanged = false;
  return ready;
}

/** The write of that sequence is done, with its snapshot refused where `snapshotCorrupt`. */
export function notePersisted(state: RaftState, sequence: number, snapshotCorrupt: boolean): void {
  const { disk, log, memberships } = state;
  const write = disk.writes.shift();
  invariant(write?.sequence === sequence, `write ${sequence} was not the next to finish`);
  disk.standingTicks = 0;
  log.notePersisted(sequence);
  if (write.installs !== undefined) {
    if (snapshotCorrupt) abandonInstall(state);
    else finishInstall(state);
  } else {
    invariant(!snapshotCorrupt, `write ${sequence} did not end a snapshot`);
  }
  if (write.term === state.term && write.vote === state.id) countOwnVote(state);
  if (finishCatchUp(state)) maybeCampaign(state);
  memberships.compactTo(logIndex(log.firstIndex() - 1));
  maybeCommit(state);
}

/** Not while the disk puts a snapshot in the log's place: what it held may be gone already. */
function canApply({ receiving, log, config }: RaftState): boolean {
  return receiving.installing === undefined && log.hasCommitted(config.maxApplyingBytes);
}

/** Something waits for the disk. Promises alone wait only while a write is under way. */
function needsWrite(state: RaftState): boolean {
  const { disk, log, outbox } = state;
  return (
    log.hasUnwritten() ||
    outbox.chunk !== undefined ||
    disk.written.term !== state.term ||
    disk.written.vote !== state.vote ||
    (outbox.messagesAfter.length > 0 && disk.writes.length > 0)
  );
}

function takeWrite(state: RaftState): Write | undefined {
  const { disk, log, outbox } = state;
  if (!needsWrite(state)) {
    // All that they promise is on disk already.
    outbox.messages.push(...outbox.messagesAfter);
    outbox.messagesAfter = [];
    return undefined;
  }
  const sequence = disk.nextSequence;
  disk.nextSequence += 1;
  // Commit goes along with what must be written anyhow, and never past what is on this disk.
  const hardState: HardState = {
    term: state.term,
    vote: state.vote,
    commit: logIndex(Math.min(log.commit, log.persisted)),
  };
  const isChanged =
    disk.written.term !== hardState.term ||
    disk.written.vote !== hardState.vote ||
    disk.written.commit !== hardState.commit;
  disk.written = hardState;
  const chunk = takeChunk(state);
  const entries = log.takeUnwritten(sequence);
  const { term, vote } = state;
  const installs = chunk?.done === true ? chunk.meta : undefined;
  disk.writes.push({ sequence, term, vote, installs });
  const { messagesAfter } = outbox;
  outbox.messagesAfter = [];
  return {
    sequence,
    hardState: isChanged ? hardState : undefined,
    entries,
    snapshotChunk: chunk,
    messagesAfter,
  };
}

/** The end of a snapshot takes the log's place: it goes after all that is yet to be written there. */
function takeChunk(state: RaftState): ReceivedChunk | undefined {
  const { outbox, log } = state;
  const { chunk } = outbox;
  if (chunk?.done === true && log.hasUnwritten()) return undefined;
  outbox.chunk = undefined;
  return chunk;
}

function softStateOf({ role, leader, term }: RaftState): SoftState {
  return { role, leader, term };
}

function softStateChanged(state: RaftState): boolean {
  const { role, leader, term } = state.disk.lastSoftState;
  return role !== state.role || leader !== state.leader || term !== state.term;
}
