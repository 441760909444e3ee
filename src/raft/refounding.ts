// A cluster of one from what a single server has on disk, where the others are lost for good. Raft has no
// such step: whoever takes it says that nobody else will speak for the old cluster, and loses what a
// majority had decided without this server.
import {
  emptyMembership,
  encodeMembership,
  invariant,
  type LogIndex,
  logIndex,
  type Member,
  type Membership,
  nodeId,
  type Term,
  term,
  type Write,
} from "./core/index.js";
import { MembershipLog } from "./core/membership-log.js";
import { RaftLog } from "./core/raft-log.js";
import { crc32c } from "./storage/crc32c.js";
import type { RaftStorage } from "./storage/index.js";

/** What one server has of its cluster's log. */
export interface Remains {
  /** The configuration in force. */
  readonly membership: Membership;
  readonly lastIndex: LogIndex;
  /** Of the last entry. */
  readonly lastTerm: Term;
  /** Latest term that the server has heard of. */
  readonly term: Term;
  /** Up to here the server knew that entries were decided; what is behind may have been. */
  readonly commit: LogIndex;
  /** 0 where there is none. */
  readonly snapshotIndex: LogIndex;
}

/** Reads the whole log. @throws LogCorrupt */
export function remainsOf(storage: RaftStorage): Remains {
  const { hardState } = storage;
  const snapshotIndex = storage.snapshot()?.index ?? logIndex(0);
  const commit = logIndex(Math.max(hardState.commit, snapshotIndex));
  const log = new RaftLog(storage, commit, snapshotIndex);
  const { membership } = MembershipLog.scan(log, storage.membership).current;
  const { lastIndex, lastTerm } = log;
  return { membership, lastIndex, lastTerm, term: hardState.term, commit, snapshotIndex };
}

/**
 * How far the terms of a refounded cluster are past those that its server knew of: the old cluster may have
 * held elections without it, and no entry of the new one may be taken for one of the old.
 */
const TERMS_APART = 1_000_000;

/**
 * Makes the server of this folder the only voter of a new cluster that begins with all that it has: what it
 * does not know to be decided is decided now. The new identity comes first: a folder that was left half
 * way, by a crash, is of no use to the old cluster any more, and is refounded anew.
 * @param meshId of the new cluster, never used before: servers of the old one cannot take part in it
 * @throws StorageFailure, LogCorrupt
 */
export async function refound(storage: RaftStorage, meshId: string): Promise<void> {
  const { identity } = storage;
  invariant(identity !== undefined, "a folder without state has nothing to be refounded from");
  const remains = remainsOf(storage);
  const id = nodeId(identity.serverId);
  const { voters, outgoing, learners } = remains.membership;
  const self = [...voters, ...outgoing, ...learners].find((member) => member.id === id);
  invariant(self !== undefined, `${id} is no member of the configuration in its own log`);
  await storage.supersede(meshId);
  await beginAlone(storage, self, { index: remains.lastIndex, term: remains.term });
}

/** A state of the state machine, from elsewhere than a log. */
export interface FoundState {
  /** The entry that it is of, and its term. */
  readonly index: number;
  readonly term: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Makes the server of a folder without state the only voter of a new cluster that begins with a snapshot.
 * Where it does not end well the folder is of no use, and is to be emptied.
 * @throws StorageFailure, and what the content throws
 */
export async function foundFromState(
  storage: RaftStorage,
  self: Member,
  mesh: { readonly meshId: string; readonly supersedes: readonly string[] },
  state: FoundState,
): Promise<void> {
  const alone = membershipOf(self);
  const index = logIndex(state.index);
  await storage.initialise({ serverId: self.id, ...mesh }, alone);
  const meta = { index, term: term(state.term), membership: alone, sizeBytes: 0, checksum: 0 };
  for await (const data of state.content) {
    await storage.write([chunkWrite({ meta, offset: meta.sizeBytes, data, done: false })]);
    meta.checksum = crc32c(data, meta.checksum);
    meta.sizeBytes += data.byteLength;
  }
  const end = { meta, offset: meta.sizeBytes, data: new Uint8Array(), done: true };
  const [outcome] = await storage.write([chunkWrite(end)]);
  invariant(outcome === "durable", "the snapshot is not as it was written");
  await beginAlone(storage, self, { index, term: meta.term });
}

/** The first entry of the new cluster, behind the last of what it begins with. */
async function beginAlone(
  storage: RaftStorage,
  self: Member,
  last: { readonly index: LogIndex; readonly term: Term },
): Promise<void> {
  const newTerm = term(last.term + TERMS_APART);
  const index = logIndex(last.index + 1);
  const data = encodeMembership(membershipOf(self));
  const entry = { index, term: newTerm, kind: "membership", data } as const;
  const hardState = { term: newTerm, vote: self.id, commit: index };
  await storage.write([{ ...NOTHING, hardState, entries: [entry] }]);
}

const NOTHING: Write = {
  sequence: 1,
  hardState: undefined,
  entries: [],
  snapshotChunk: undefined,
  messagesAfter: [],
};

function chunkWrite(snapshotChunk: NonNullable<Write["snapshotChunk"]>): Write {
  return { ...NOTHING, snapshotChunk };
}

function membershipOf(self: Member): Membership {
  return { ...emptyMembership, voters: [self] };
}
