// What a server's answers promise must be on its disk before they leave, and stay true across a
// crash: votes (§3.6), acknowledgements of entries and of snapshots.
import type { Message, VoteRequest } from "../../src/raft/core/index.js";
import type { Disk } from "./disk.js";
import { Violation } from "./violation.js";

export class Promises {
  /** Who got a server's vote, by term. */
  readonly #votes = new Map<string, Map<number, string>>();

  /** A message leaves, and this is what is on its sender's disk. */
  given(message: Message, disk: Disk): void {
    switch (message.kind) {
      case "vote-response":
        if (message.granted && !message.preVote) {
          this.#checkVote(message.from, disk, message.term, message.to);
        }
        return;
      case "append-response":
        if (message.result.success) checkOnDisk(message, disk, message.result.matchIndex);
        return;
      case "snapshot-response":
        if (message.result.kind === "installed") {
          checkOnDisk(message, disk, message.result.matchIndex);
        }
        return;
      case "vote-request":
        if (!message.preVote) checkVouched(message, disk);
        return;
      case "catch-up-request":
      case "catch-up-response":
      case "append-request":
      case "heartbeat":
      case "heartbeat-response":
      case "snapshot-chunk":
      case "timeout-now":
      case "read-index-request":
      case "read-index-response":
        return;
    }
  }

  /** A server comes back: what it voted is still on its disk. */
  kept(id: string, disk: Disk): void {
    const { term, vote } = disk.hardState;
    for (const [votedIn, candidate] of this.#votes.get(id) ?? []) {
      if (term > votedIn || (term === votedIn && vote === candidate)) continue;
      const detail = `${id} came back without its vote for ${candidate} in term ${votedIn}`;
      throw new Violation("one vote a term", detail);
    }
  }

  #checkVote(id: string, { hardState }: Disk, term: number, candidate: string): void {
    if (hardState.term !== term || hardState.vote !== candidate) {
      const held = `${hardState.term}, ${hardState.vote ?? "nobody"}`;
      const detail = `${id} votes for ${candidate} in ${term}; on disk: ${held}`;
      throw new Violation("persist before answering", detail);
    }
    let votes = this.#votes.get(id);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(id, votes);
    }
    const earlier = votes.get(term);
    if (earlier !== undefined && earlier !== candidate) {
      const detail = `${id} voted for ${earlier} and ${candidate} in term ${term}`;
      throw new Violation("one vote a term", detail);
    }
    votes.set(term, candidate);
  }
}

/**
 * The entries are on disk, and the term, too: a server that forgot it could let an older leader
 * take the entries back.
 */
const checkOnDisk = (message: Message, disk: Disk, matchIndex: number): void => {
  if (disk.hardState.term >= message.term && disk.lastIndex() >= matchIndex) return;
  const has = `${disk.lastIndex()} of ${disk.hardState.term}`;
  const detail = `${message.from} acknowledges ${matchIndex} of ${message.term}; on disk: ${has}`;
  throw new Violation("persist before answering", detail);
};

/** A candidate vouches for its own vote, and for the log that it describes. */
const checkVouched = ({ from, term, lastLogIndex, lastLogTerm }: VoteRequest, disk: Disk): void => {
  const { hardState } = disk;
  const isVoteThere = hardState.term === term && hardState.vote === from;
  if (isVoteThere && disk.term(lastLogIndex) === lastLogTerm) return;
  const last = disk.lastIndex();
  const has = `${last}@${disk.term(last) ?? "?"}, voted ${hardState.vote ?? "nobody"} in ${hardState.term}`;
  const detail = `${from} campaigns in ${term} with ${lastLogIndex}@${lastLogTerm}; on disk: ${has}`;
  throw new Violation("persist before answering", detail);
};
