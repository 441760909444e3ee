// The newest snapshot, one that is being received in chunks, and one that is being taken. A snapshot
// is written aside, synced, renamed, and only then takes the place of the one before it.
import path from "node:path";
import { invariant } from "../core/errors.js";
import type { SnapshotMeta, Write } from "../core/index.js";
import { crc32c } from "./crc32c.js";
import { type FileSystem, type OpenFile, removeIfPresent } from "./file-system.js";
import {
  openSnapshot,
  type SnapshotFile,
  snapshotIndexOf,
  snapshotPath,
  writeDescription,
} from "./snapshot-file.js";

export type SnapshotChunk = NonNullable<Write["snapshotChunk"]>;

/** A snapshot that is being written aside. */
interface Draft {
  readonly path: string;
  readonly file: OpenFile;
  sizeBytes: number;
  checksum: number;
}

const INCOMING_FILE = "snapshot-incoming.part";
const OWN_FILE = "snapshot-own.part";

export class SnapshotStore {
  readonly #files: FileSystem;
  readonly #dir: string;
  #current: SnapshotFile | undefined;
  #incoming: Draft | undefined;

  private constructor(files: FileSystem, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /**
   * Finds the newest snapshot; what is older, or was not finished, is removed.
   * @throws LogCorrupt
   */
  static async open(files: FileSystem, dir: string): Promise<SnapshotStore> {
    const store = new SnapshotStore(files, dir);
    await removeIfPresent(files, path.join(dir, INCOMING_FILE));
    await removeIfPresent(files, path.join(dir, OWN_FILE));
    const names = (await files.list(dir)).filter((name) => snapshotIndexOf(name) !== undefined);
    const newest = names.at(-1);
    if (newest === undefined) return store;
    store.#current = await openSnapshot(files, path.join(dir, newest));
    for (const name of names.slice(0, -1)) await files.remove(path.join(dir, name));
    return store;
  }

  get meta(): SnapshotMeta | undefined {
    return this.#current?.meta;
  }

  /** Undefined where that snapshot was replaced meanwhile. Empty past its end. */
  read(meta: SnapshotMeta, offset: number, maxBytes: number): Uint8Array | undefined {
    const current = this.#current;
    if (current?.meta.index !== meta.index || current.meta.term !== meta.term) return undefined;
    const length = Math.max(0, Math.min(maxBytes, current.meta.sizeBytes - offset));
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, current.file.readSync(bytes, offset));
  }

  /**
   * Puts a received chunk in place. Nothing depends on a part of a snapshot, so it is not synced:
   * after a crash it comes again from its beginning.
   */
  async putChunk({ meta, offset, data }: SnapshotChunk): Promise<void> {
    if (offset === 0) {
      await this.#discardIncoming();
      this.#incoming = await this.#begin(INCOMING_FILE);
    }
    const draft = this.#incoming;
    invariant(
      draft?.sizeBytes === offset,
      `chunk of snapshot ${meta.index} at ${offset}, where ${draft?.sizeBytes ?? 0} bytes are`,
    );
    await extend(draft, data);
  }

  /** All chunks are there: makes them the current snapshot. False where they do not match `meta`. */
  async install(meta: SnapshotMeta): Promise<boolean> {
    const draft = this.#incoming;
    invariant(draft !== undefined, "a snapshot ends that never began");
    if (draft.sizeBytes !== meta.sizeBytes || draft.checksum !== meta.checksum) {
      await this.#discardIncoming();
      return false;
    }
    this.#incoming = undefined;
    await this.#publish(draft, meta);
    return true;
  }

  /**
   * Writes the state machine's own snapshot aside; `finish` makes it the current one. Rejects with
   * what `content` throws, the rest of the storage being untouched then.
   */
  async draw(content: AsyncIterable<Uint8Array>): Promise<OwnSnapshot> {
    const draft = await this.#begin(OWN_FILE);
    const discard = async () => {
      await draft.file.close();
      await this.#files.remove(draft.path);
    };
    try {
      for await (const bytes of content) await extend(draft, bytes);
    } catch (error) {
      await discard();
      throw error;
    }
    return {
      discard,
      finish: async (meta) => {
        const whole = { ...meta, sizeBytes: draft.sizeBytes, checksum: draft.checksum };
        await this.#publish(draft, whole);
        return whole;
      },
    };
  }

  async close(): Promise<void> {
    await this.#incoming?.file.close();
    this.#incoming = undefined;
    await this.#current?.file.close();
    this.#current = undefined;
  }

  async #begin(name: string): Promise<Draft> {
    const file = path.join(this.#dir, name);
    return { path: file, file: await this.#files.open(file, "create"), sizeBytes: 0, checksum: 0 };
  }

  async #discardIncoming(): Promise<void> {
    const draft = this.#incoming;
    if (draft === undefined) return;
    this.#incoming = undefined;
    await draft.file.close();
    await this.#files.remove(draft.path);
  }

  async #publish(draft: Draft, meta: SnapshotMeta): Promise<void> {
    const files = this.#files;
    const dir = this.#dir;
    const target = snapshotPath(dir, meta);
    try {
      await writeDescription(draft.file, meta);
      await draft.file.sync();
      await files.rename(draft.path, target);
      await files.syncFolder(dir);
    } catch (error) {
      await draft.file.close();
      throw error;
    }
    const before = this.#current;
    this.#current = { path: target, file: draft.file, meta };
    if (before === undefined) return;
    await before.file.close();
    if (before.path !== target) await files.remove(before.path);
  }
}

/** A snapshot of this server's own state machine, whole, and not yet the current one. */
export interface OwnSnapshot {
  finish(meta: Omit<SnapshotMeta, "sizeBytes" | "checksum">): Promise<SnapshotMeta>;
  discard(): Promise<void>;
}

async function extend(draft: Draft, bytes: Uint8Array): Promise<void> {
  await draft.file.write(bytes, draft.sizeBytes);
  draft.checksum = crc32c(bytes, draft.checksum);
  draft.sizeBytes += bytes.byteLength;
}
