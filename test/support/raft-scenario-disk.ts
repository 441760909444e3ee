// The disk of one server in a scenario: what writes have put on it, in memory, as the core reads it.
import { logIndex, term } from "../../src/raft/core/index.js";
import type {
  Entry,
  HardState,
  LogIndex,
  LogReader,
  Membership,
  NodeId,
  SnapshotMeta,
  Term,
  Write,
} from "../../src/raft/core/index.js";

export class ScenarioDisk implements LogReader {
  hardState: HardState = { term: term(0), vote: undefined, commit: logIndex(0) };
  #entries: Entry[] = [];
  #snapshot: { readonly meta: SnapshotMeta; readonly data: Uint8Array } | undefined;
  #partial: Uint8Array[] = [];
  /** Makes the next snapshot that is received whole fail its check. */
  corruptNextSnapshot = false;

  firstIndex(): LogIndex {
    return logIndex((this.#snapshot?.meta.index ?? 0) + 1);
  }

  lastIndex(): LogIndex {
    return logIndex(this.firstIndex() + this.#entries.length - 1);
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.firstIndex() - 1) return this.#snapshot?.meta.term ?? term(0);
    return this.#entries[index - this.firstIndex()]?.term;
  }

  entries(from: LogIndex, to: LogIndex): readonly Entry[] {
    return this.#entries.slice(from - this.firstIndex(), to - this.firstIndex());
  }

  snapshot(): SnapshotMeta | undefined {
    return this.#snapshot?.meta;
  }

  snapshotChunk(meta: SnapshotMeta, offset: number, maxBytes: number): Uint8Array | undefined {
    if (this.#snapshot?.meta !== meta) return undefined;
    return this.#snapshot.data.subarray(offset, offset + maxBytes);
  }

  /** Carries a write out. False where it ended a snapshot that is corrupt. */
  write({ hardState, entries, snapshotChunk }: Write): boolean {
    if (hardState !== undefined) this.hardState = hardState;
    const first = entries[0];
    if (first !== undefined) {
      this.#entries.length = first.index - this.firstIndex();
      this.#entries.push(...entries);
    }
    if (snapshotChunk === undefined) return true;
    if (snapshotChunk.offset === 0) this.#partial = [];
    this.#partial.push(snapshotChunk.data);
    if (!snapshotChunk.done) return true;
    const data = Buffer.concat(this.#partial);
    this.#partial = [];
    if (this.corruptNextSnapshot || data.byteLength !== snapshotChunk.meta.sizeBytes) {
      this.corruptNextSnapshot = false;
      return false;
    }
    this.#snapshot = { meta: snapshotChunk.meta, data };
    this.#entries = [];
    return true;
  }

  /** Takes a snapshot of the state machine at `index` and drops the log up to there. */
  compact(index: LogIndex, membership: Membership, sizeBytes: number): void {
    const entryTerm = this.term(index);
    if (entryTerm === undefined) throw new Error(`no entry ${index} to take a snapshot at`);
    this.#entries = this.#entries.slice(index - this.firstIndex() + 1);
    const meta = { index, term: entryTerm, membership, sizeBytes, checksum: index };
    this.#snapshot = { meta, data: new Uint8Array(sizeBytes) };
  }

  /** Puts a log of the given terms there, as in the figures of the dissertation. */
  prepare(terms: readonly Term[], currentTerm: Term, vote: NodeId | undefined): void {
    this.#entries = terms.map((entryTerm, position) => ({
      index: logIndex(position + 1),
      term: entryTerm,
      kind: "command",
      data: new TextEncoder().encode(`${entryTerm}.${position + 1}`),
    }));
    this.hardState = { term: currentTerm, vote, commit: logIndex(0) };
  }

  all(): readonly Entry[] {
    return this.#entries;
  }
}
