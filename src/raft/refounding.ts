// A cluster of one from what a single server has on disk, where the others are lost for good. Raft has no
// such step: whoever takes it says that nobody else will speak for the old cluster, and loses what a
// majority had decided without this server.
import { encodeMembership } from "./core/index.js";
import { MembershipLog } from "./core/membership-log.js";
import { RaftLog } from "./core/raft-log.js";
import { type LogIndex, logIndex, type Membership, nodeId, type Term, term } from "./core/types.js";
import { invariant } from "./core/errors.js";
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
  const newTerm = term(remains.term + 1);
  const alone: Membership = { voters: [self], outgoing: [], learners: [], learnersNext: [] };
  const index = logIndex(remains.lastIndex + 1);
  const data = encodeMembership(alone);
  await storage.write([
    {
      sequence: 1,
      hardState: { term: newTerm, vote: id, commit: index },
      entries: [{ index, term: newTerm, kind: "membership", data }],
      snapshotChunk: undefined,
      messagesAfter: [],
    },
  ]);
}
