// The few things that the log asks of a file system, so that tests can let each of them fail.
import { existsSync, readSync, writeSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, unlink, utimes } from "node:fs/promises";
import path from "node:path";
import { errorCode } from "./errors.js";
import { type KernelLock, tryKernelLock } from "./kernel-lock.js";

/**
 * "create" empties what is there; "edit" needs the file to exist; "keep" creates what is missing and
 * leaves what is there. All can be read.
 */
export type OpenMode = "read" | "edit" | "create" | "keep";

export interface OpenFile {
  /** When it was opened. */
  readonly sizeBytes: number;
  /** Writes all of it, at that position. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Data, and the size, are on disk when it resolves. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** Fills `into`; fewer bytes only where the file ends. Returns how many. */
  read(into: Uint8Array, position: number): Promise<number>;
  readSync(into: Uint8Array, position: number): number;
  /** Asks the kernel for the file, until it is closed; opened with "keep". */
  tryLock(): KernelLock;
  close(): Promise<void>;
}

export interface FileSystem {
  open(file: string, mode: OpenMode): Promise<OpenFile>;
  /** Names in the folder, sorted. */
  list(dir: string): Promise<readonly string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(file: string): Promise<void>;
  /** Creates the folder and what is missing above it, each durable in its parent. */
  createFolder(dir: string): Promise<void>;
  /** Names created, renamed or removed in the folder are on disk when it resolves. */
  syncFolder(dir: string): Promise<void>;
  /** Whether the name is there, as far as this machine knows: a few microseconds. */
  exists(file: string): boolean;
  /** Moves the file's time of change; rejects with ENOENT or ESTALE where it is gone, from anywhere. */
  touch(file: string): Promise<void>;
  /** The file's time of change, also where another machine has moved it; undefined where it is gone. */
  changedAtMs(file: string): Promise<number | undefined>;
}

const FLAGS = { read: "r", edit: "r+", create: "w+", keep: "a+" } as const satisfies Record<
  OpenMode,
  string
>;

export const nodeFileSystem: FileSystem = {
  open: async (file, mode) => {
    const handle = await open(file, FLAGS[mode]);
    try {
      return new NodeFile(handle, (await handle.stat()).size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
  list: async (dir) => (await readdir(dir)).sort(),
  rename,
  remove: unlink,
  createFolder: async (dir) => {
    const first = await mkdir(dir, { recursive: true });
    if (first === undefined) return;
    const top = path.dirname(first);
    let parent = path.dirname(path.resolve(dir));
    while (parent !== top && parent !== path.dirname(parent)) {
      await syncFolder(parent);
      parent = path.dirname(parent);
    }
    await syncFolder(parent);
  },
  syncFolder,
  exists: existsSync,
  touch: (file) => {
    const now = new Date();
    return utimes(file, now, now);
  },
  changedAtMs: async (file) => {
    try {
      // Opened each time: a network file system answers from its cache what is asked by name alone.
      const handle = await open(file, "r");
      try {
        return (await handle.stat()).mtimeMs;
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  },
};

/** A file that is not there, or not any more. */
export function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ESTALE";
}

/**
 * A write up to this size goes straight to the page cache: a few microseconds to tens of them, where
 * the way to a thread and back costs more. What waits for the disk, the sync, always has a thread.
 */
const MAX_DIRECT_WRITE_BYTES = 64 * 1024;

async function syncFolder(dir: string): Promise<void> {
  // Windows opens no folders; its file systems journal names themselves.
  if (process.platform === "win32") return;
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;
  constructor(
    handle: FileHandle,
    readonly sizeBytes: number,
  ) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const isDirect = bytes.byteLength <= MAX_DIRECT_WRITE_BYTES;
    for (let done = 0; done < bytes.byteLength;) {
      const left = bytes.byteLength - done;
      done += isDirect
        ? writeSync(this.#handle.fd, bytes, done, left, position + done)
        : (await this.#handle.write(bytes, done, left, position + done)).bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.byteLength) {
      const left = into.byteLength - done;
      const { bytesRead } = await this.#handle.read(into, done, left, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  readSync(into: Uint8Array, position: number): number {
    let done = 0;
    while (done < into.byteLength) {
      const left = into.byteLength - done;
      const bytesRead = readSync(this.#handle.fd, into, done, left, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  tryLock(): KernelLock {
    return tryKernelLock(this.#handle.fd);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** The whole file. */
export async function readWhole(files: FileSystem, file: string): Promise<Buffer> {
  const handle: OpenFile = await files.open(file, "read");
  try {
    const bytes = Buffer.allocUnsafe(handle.sizeBytes);
    return bytes.subarray(0, await handle.read(bytes, 0));
  } finally {
    await handle.close();
  }
}

/** Removes a file that may not be there. */
export async function removeIfPresent(files: FileSystem, file: string): Promise<void> {
  try {
    await files.remove(file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
