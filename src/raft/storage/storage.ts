// A server's durable state in a folder of its own: identity, log, snapshots. The one writer of that
// folder, and the reader of the core.
import { invariant, InvariantViolation } from "../core/errors.js";
import {
  emptyMembership,
  type Entry,
  type HardState,
  type LogIndex,
  logIndex,
  type Membership,
  type SnapshotMeta,
  type Term,
  term as termOf,
  type Write,
} from "../core/index.js";
import type { DurableLog, WriteOutcome } from "./durable-log.js";
import { DataFolderLost, LogCorrupt, StorageClosed, StorageFailure } from "./errors.js";
import type { FolderLock } from "./folder-lock.js";
import { type Foundation, openLog } from "./foundation.js";
import { type StorageIdentity, type StoredIdentity, writeIdentity } from "./identity.js";
import { createLog, NO_HARD_STATE } from "./log-recovery.js";
import type { LogRecords, SegmentedLog } from "./segmented-log.js";
import { READ_BYTES } from "./snapshot-file.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** What a snapshot is of; size and checksum come from its content. */
export type SnapshotSubject = Omit<SnapshotMeta, "sizeBytes" | "checksum">;

interface Contents {
  readonly stored: StoredIdentity;
  readonly log: SegmentedLog;
}

export class RaftStorage implements DurableLog {
  readonly #foundation: Foundation;
  readonly #lock: FolderLock;
  readonly #snapshots: SnapshotStore;
  #contents: Contents | undefined;
  /** Set once the disk failed, or `close()` was called; every write rejects with it from then on. */
  #refusal: StorageFailure | StorageClosed | undefined;
  /** Snapshots take one another's place one at a time. */
  #publishing: Promise<unknown> = Promise.resolve();
  readonly #underWay = new Set<Promise<unknown>>();
  #isSaving = false;

  /** Use `openRaftStorage`. */
  constructor(
    foundation: Foundation,
    lock: FolderLock,
    snapshots: SnapshotStore,
    contents: Contents | undefined,
  ) {
    this.#foundation = foundation;
    this.#lock = lock;
    this.#snapshots = snapshots;
    this.#contents = contents;
  }

  /** Aborted, with a DataFolderLost, once another process has taken the folder. */
  get lost(): AbortSignal {
    return this.#lock.lost;
  }

  /** Undefined for a folder without state: `initialise` it. */
  get identity(): StorageIdentity | undefined {
    return this.#contents?.stored.identity;
  }

  get membership(): Membership {
    return this.#contents?.stored.membership ?? emptyMembership;
  }

  get hardState(): HardState {
    return this.#contents?.log.hardState ?? NO_HARD_STATE;
  }

  /**
   * Gives a folder without state its owner for good. `membership` is what the cluster is
   * bootstrapped with; empty for a server that joins.
   * @throws StorageFailure
   */
  async initialise(
    identity: Pick<StorageIdentity, "serverId" | "meshId"> & Partial<StorageIdentity>,
    membership: Membership,
  ): Promise<void> {
    invariant(this.#contents === undefined, "a data folder is initialised once");
    const { dir, files } = this.#foundation;
    const stored = {
      identity: { createdAtMs: Date.now(), supersedes: [], ...identity },
      membership,
    };
    await this.#guarded(async () => {
      await createLog(files, dir);
      await writeIdentity(files, dir, stored);
      this.#contents = { stored, log: await openLog(this.#foundation, this.#snapshots) };
    });
  }

  /**
   * From now on the folder is of another mesh, which has taken the place of its own: see refounding.ts.
   * @throws StorageFailure
   */
  async supersede(meshId: string): Promise<void> {
    const contents = this.#contents;
    invariant(contents !== undefined, "the data folder is not initialised");
    const { identity, membership } = contents.stored;
    const supersedes = [...identity.supersedes, identity.meshId];
    const stored = { identity: { ...identity, meshId, supersedes }, membership };
    const { dir, files } = this.#foundation;
    await this.#guarded(() => writeIdentity(files, dir, stored));
    this.#contents = { ...contents, stored };
  }

  firstIndex(): LogIndex {
    return logIndex(this.#log.firstIndex);
  }

  lastIndex(): LogIndex {
    return logIndex(this.#log.lastIndex);
  }

  term(index: LogIndex): Term | undefined {
    const found = this.#log.term(index);
    return found === undefined ? undefined : termOf(found);
  }

  /** @throws LogCorrupt where the disk no longer holds what was written. */
  entries(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] {
    return this.#log.entries(from, to, maxBytes);
  }

  snapshot(): SnapshotMeta | undefined {
    return this.#snapshots.meta;
  }

  snapshotChunk(meta: SnapshotMeta, offset: number, maxBytes: number): Uint8Array | undefined {
    return this.#snapshots.read(meta, offset, maxBytes);
  }

  /** The content of the newest snapshot, to restore a state machine from; undefined if replaced. */
  snapshotContent(meta: SnapshotMeta): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < meta.sizeBytes;) {
      const part = this.snapshotChunk(meta, at, READ_BYTES);
      if (part === undefined || part.byteLength === 0) return undefined;
      parts.push(part);
      at += part.byteLength;
    }
    return Buffer.concat(parts);
  }

  /** @throws StorageFailure, StorageClosed */
  write(writes: readonly Write[]): Promise<readonly WriteOutcome[]> {
    return this.#guarded(async () => {
      const outcomes: WriteOutcome[] = [];
      let batch: LogRecords[] = [];
      for (const { hardState, entries, snapshotChunk } of writes) {
        batch.push({ hardState, entries });
        if (snapshotChunk !== undefined) await this.#snapshots.putChunk(snapshotChunk);
        if (snapshotChunk?.done !== true) {
          outcomes.push("durable");
          continue;
        }
        // What was written before it is the log that it takes the place of.
        await this.#log.append(batch);
        batch = [];
        outcomes.push(await this.#install(snapshotChunk.meta));
      }
      await this.#log.append(batch);
      return outcomes;
    });
  }

  /**
   * Drops whole segments of entries up to `upTo`, never past the snapshot, and keeps the newest
   * `keepTailEntries` entries of the log in any case.
   * @throws StorageFailure, StorageClosed
   */
  compact(upTo: LogIndex, keepTailEntries: number): Promise<void> {
    return this.#guarded(async () => {
      const covered = Math.min(upTo, this.#snapshots.meta?.index ?? 0);
      const last = Math.min(covered, this.#log.lastIndex - keepTailEntries);
      await this.#log.dropBefore(last + 1);
    });
  }

  /**
   * Makes a snapshot of this server's own state machine the newest one; one call at a time. Where a
   * newer one was received meanwhile, that one stays and is the result. Rejects with what `content`
   * throws; nothing is changed then.
   * @throws StorageFailure, StorageClosed
   */
  async saveSnapshot(
    subject: SnapshotSubject,
    content: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    invariant(!this.#isSaving, "one snapshot is saved at a time");
    this.#isSaving = true;
    try {
      // A failure of what the state machine delivers is not one of the disk.
      let isForeign = false;
      const watched = async function* (this: RaftStorage): AsyncIterable<Uint8Array> {
        try {
          for await (const bytes of content) {
            if (this.#refusal !== undefined) throw this.#refusal;
            yield bytes;
          }
        } catch (error) {
          isForeign = true;
          throw error;
        }
      };
      const draft = await this.#guarded(
        () => this.#snapshots.draw(watched.call(this)),
        () => isForeign,
      );
      return await this.#guarded(() =>
        this.#oneAtATime(async () => {
          const current = this.#snapshots.meta;
          if (current !== undefined && current.index >= subject.index) {
            await draft.discard();
            return current;
          }
          const here = this.#log.term(subject.index);
          invariant(here === subject.term, `a snapshot at ${subject.index}, which the log lacks`);
          return draft.finish(subject);
        }),
      );
    } finally {
      this.#isSaving = false;
    }
  }

  /** Waits for what is under way, closes the files and lets the folder go. */
  async close(): Promise<void> {
    if (this.#refusal instanceof StorageClosed) return;
    this.#refusal = new StorageClosed(this.#foundation.dir);
    await Promise.allSettled(this.#underWay);
    try {
      await this.#contents?.log.close();
      await this.#snapshots.close();
    } finally {
      await this.#lock.release();
    }
  }

  get #log(): SegmentedLog {
    invariant(this.#contents !== undefined, "the data folder is not initialised");
    return this.#contents.log;
  }

  #install(meta: SnapshotMeta): Promise<WriteOutcome> {
    return this.#oneAtATime(async () => {
      if (!(await this.#snapshots.install(meta))) return "snapshot-corrupt";
      if (this.#log.term(meta.index) !== meta.term) await this.#log.reset(meta.index, meta.term);
      return "durable";
    });
  }

  #oneAtATime<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#publishing.then(work, work);
    this.#publishing = result.catch(() => undefined);
    return result;
  }

  async #guarded<Result>(
    work: () => Promise<Result>,
    isHarmless: () => boolean = () => false,
  ): Promise<Result> {
    if (this.#refusal !== undefined) throw this.#refusal;
    const result = work();
    this.#underWay.add(result);
    try {
      return await result;
    } catch (error) {
      if (isHarmless()) throw error;
      if (error instanceof DataFolderLost) throw error;
      // Whatever went wrong, what is on disk is not known now.
      const failure = new StorageFailure(this.#foundation.dir, error);
      this.#refusal ??= failure;
      const isBug = error instanceof InvariantViolation || error instanceof RangeError;
      throw isBug || error instanceof LogCorrupt ? error : failure;
    } finally {
      this.#underWay.delete(result);
    }
  }
}
