// A node's disk: what is durable, what a sync is still under way for, and how both go wrong. Writes
// become durable in order; a crash keeps some prefix of the records that were not synced yet (lost
// and torn writes); a rotten record is noticed when it is read, never handed out.
//
// Deliberate limit: the newest record never rots. A log cannot tell a rotten last record from one
// torn by a crash, and cuts it off; that this can lose an acknowledged entry is known and documented.
import {
  type Entry,
  type HardState,
  type LogIndex,
  type LogReader,
  type SnapshotMeta,
  type Term,
  type Write,
  logIndex,
  term as termOf,
} from "../../src/raft/core/index.js";
import type { EventQueue } from "./event-queue.js";
import type { Prng } from "./prng.js";
import { checksum } from "./state-machine.js";
import { Violation } from "./violation.js";

export interface DiskConditions {
  readonly minSyncUs: number;
  readonly meanSyncUs: number;
  readonly slowProbability: number;
  readonly meanSlowSyncUs: number;
  /** A failed sync stops the node (it is never retried): what was not synced may be lost. */
  readonly failProbability: number;
}

export const HEALTHY_DISK: DiskConditions = {
  minSyncUs: 200,
  meanSyncUs: 300,
  slowProbability: 0,
  meanSlowSyncUs: 0,
  failProbability: 0,
};

/** A record does not match its checksum. The node that reads it must stop for good. */
export class StorageCorrupt extends Error {
  override readonly name = "StorageCorrupt";
}

export type WriteOutcome = "durable" | "snapshot-corrupt" | "sync-failed";

interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
}

interface Pending {
  readonly write: Write;
  readonly done: (outcome: WriteOutcome) => void;
}

const NO_HARD_STATE: HardState = { term: termOf(0), vote: undefined, commit: logIndex(0) };

export class Disk implements LogReader {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  conditions: DiskConditions = HEALTHY_DISK;
  hardState: HardState = NO_HARD_STATE;
  #entries: Entry[] = [];
  #first = 1;
  /** Term of the entry just before `#first`. */
  #termBefore = 0;
  #snapshot: Snapshot | undefined;
  #partial: { meta: SnapshotMeta; bytes: number[] } | undefined;
  #rotten = new Set<Entry | Snapshot>();
  #pending: Pending[] = [];
  /** Counts crashes: a sync that was under way in an earlier life never reports. */
  #life = 0;

  constructor(events: EventQueue, prng: Prng) {
    this.#events = events;
    this.#prng = prng;
  }

  /** Makes a write durable some time later, after all writes before it. */
  submit(write: Write, done: (outcome: WriteOutcome) => void): void {
    this.#pending.push({ write, done });
    if (this.#pending.length === 1) this.#syncNext();
  }

  /** Keeps a random prefix of the records that were not synced; the rest is lost. */
  crash(): void {
    this.#life += 1;
    const pending = this.#pending;
    this.#pending = [];
    const whole = this.#prng.below(pending.length + 1);
    for (const { write } of pending.slice(0, whole)) this.#put(write, Infinity);
    const torn = pending[whole]?.write;
    if (torn !== undefined) this.#put(torn, this.#prng.below(torn.entries.length + 2));
    this.#partial = undefined;
  }

  /** What a node does before it starts: reads every record. Throws {@link StorageCorrupt}. */
  check(): void {
    if (this.isRotten()) throw new StorageCorrupt("found when the storage was opened");
  }

  isRotten(): boolean {
    if (this.#rotten.size === 0) return false;
    if (this.#snapshot !== undefined && this.#rotten.has(this.#snapshot)) return true;
    return this.#entries.some((entry) => this.#rotten.has(entry));
  }

  /** Flips a bit of a record; false where there is none but the newest. */
  rot(): boolean {
    const candidates: (Entry | Snapshot)[] = this.#entries.slice(0, -1);
    if (this.#snapshot !== undefined) candidates.push(this.#snapshot);
    const victim = this.#prng.pick(candidates);
    if (victim !== undefined) this.#rotten.add(victim);
    return victim !== undefined;
  }

  /** A snapshot of this node's own state machine: written aside, synced, renamed. */
  saveSnapshot(meta: SnapshotMeta, data: Uint8Array, done: () => void): void {
    const life = this.#life;
    this.#events.after(this.#syncTimeUs(), () => {
      if (life !== this.#life || meta.index <= (this.#snapshot?.meta.index ?? 0)) return;
      this.#snapshot = { meta, data };
      done();
    });
  }

  /** Drops entries up to and including `index`, which a snapshot must cover. */
  compact(index: number): void {
    if (index > (this.#snapshot?.meta.index ?? 0)) throw new Error("compaction past the snapshot");
    const drop = Math.min(index - this.#first + 1, this.#entries.length);
    if (drop <= 0) return;
    this.#termBefore = this.term(logIndex(this.#first + drop - 1)) ?? 0;
    this.#entries.splice(0, drop);
    this.#first += drop;
  }

  snapshotData(meta: SnapshotMeta): Uint8Array {
    if (this.#snapshot?.meta.index !== meta.index) {
      throw new Violation("driver contract", `restore of snapshot ${meta.index}: not on disk`);
    }
    if (this.#rotten.has(this.#snapshot)) throw new StorageCorrupt("snapshot");
    return this.#snapshot.data;
  }

  firstIndex(): LogIndex {
    return logIndex(this.#first);
  }

  lastIndex(): LogIndex {
    return logIndex(this.#first + this.#entries.length - 1);
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.#first - 1) return termOf(this.#termBefore);
    return this.#entries[index - this.#first]?.term;
  }

  entries(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] {
    if (from >= to) return [];
    if (to > this.lastIndex() + 1) {
      throw new Violation("driver contract", `entry ${to - 1} asked for before it was persisted`);
    }
    for (const { write } of this.#pending) {
      const replaced = write.entries[0]?.index;
      if (replaced !== undefined && replaced < to) {
        throw new Violation("driver contract", `entry ${replaced} asked for while it is replaced`);
      }
    }
    const result: Entry[] = [];
    let bytes = 0;
    for (let index: number = from; index < to; index += 1) {
      const entry = this.#entries[index - this.#first];
      if (entry === undefined) break;
      bytes += entry.data.length;
      if (result.length > 0 && bytes > maxBytes) break;
      if (this.#rotten.size > 0 && this.#rotten.has(entry)) throw new StorageCorrupt("entry");
      result.push(entry);
    }
    return result;
  }

  snapshot(): SnapshotMeta | undefined {
    return this.#snapshot?.meta;
  }

  snapshotChunk(meta: SnapshotMeta, offset: number, maxBytes: number): Uint8Array | undefined {
    const snapshot = this.#snapshot;
    if (snapshot?.meta.index !== meta.index) return undefined;
    if (this.#rotten.has(snapshot)) throw new StorageCorrupt("snapshot");
    return snapshot.data.subarray(offset, offset + maxBytes);
  }

  /** Does this disk hold the committed entry, in its log or under its snapshot? */
  holds(index: number, term: number): boolean {
    if (index <= (this.#snapshot?.meta.index ?? 0)) return true;
    return this.term(logIndex(index)) === term;
  }

  #syncNext(): void {
    const life = this.#life;
    this.#events.after(this.#syncTimeUs(), () => {
      const pending = this.#pending[0];
      if (life !== this.#life || pending === undefined) return;
      if (this.#prng.chance(this.conditions.failProbability)) {
        pending.done("sync-failed");
        return;
      }
      this.#pending.shift();
      const isWhole = this.#put(pending.write, Infinity);
      if (this.#pending.length > 0) this.#syncNext();
      pending.done(isWhole ? "durable" : "snapshot-corrupt");
    });
  }

  #syncTimeUs(): number {
    const { minSyncUs, meanSyncUs, slowProbability, meanSlowSyncUs } = this.conditions;
    const slowUs = this.#prng.chance(slowProbability) ? this.#prng.exponential(meanSlowSyncUs) : 0;
    return minSyncUs + this.#prng.exponential(meanSyncUs) + slowUs;
  }

  /** Puts the first records of a write on disk; false where its snapshot is corrupt. */
  #put(write: Write, records: number): boolean {
    let left = records;
    if (write.hardState !== undefined) {
      if (left <= 0) return true;
      left -= 1;
      this.hardState = write.hardState;
    }
    for (const [place, entry] of write.entries.entries()) {
      if (left <= 0) return true;
      left -= 1;
      if (place === 0) this.#truncateFrom(entry.index);
      this.#entries.push(entry);
    }
    return write.snapshotChunk === undefined || left <= 0 || this.#putChunk(write.snapshotChunk);
  }

  #truncateFrom(index: number): void {
    const keep = index - this.#first;
    if (keep < 0 || keep > this.#entries.length) {
      throw new Violation(
        "driver contract",
        `append at ${index} to a log of ${this.#first}..${this.lastIndex()}`,
      );
    }
    this.#entries.length = keep;
  }

  #putChunk(chunk: NonNullable<Write["snapshotChunk"]>): boolean {
    if (chunk.offset === 0) this.#partial = { meta: chunk.meta, bytes: [] };
    const partial = this.#partial;
    if (partial?.meta.index !== chunk.meta.index || partial.bytes.length !== chunk.offset) {
      throw new Violation(
        "driver contract",
        `chunk of snapshot ${chunk.meta.index} at ${chunk.offset}, ` +
          `where ${partial?.bytes.length ?? 0} bytes of ${partial?.meta.index ?? "none"} are`,
      );
    }
    for (const byte of chunk.data) partial.bytes.push(byte);
    if (!chunk.done) return true;
    const data = Uint8Array.from(partial.bytes);
    const { meta } = chunk;
    this.#partial = undefined;
    if (data.length !== meta.sizeBytes || checksum(data) !== meta.checksum) return false;
    this.#snapshot = { meta, data };
    this.#entries = [];
    this.#first = meta.index + 1;
    this.#termBefore = meta.term;
    return true;
  }
}
