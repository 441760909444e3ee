// One process at a time in a data folder, wherever the processes are. Two things hold it together:
//
// - The kernel's lock on the file `lock` keeps out every process of this machine, in any container,
//   and is gone with its holder. Where it reaches it decides at once.
// - A file of its own tells who each contender is, and is renewed: its time of change moves. It is put
//   down first, then the others are looked at, so that of two at the same time one at least sees the
//   other. One of which nothing else is known (another host, a file system without locks) is watched
//   until its file moves, or has not moved for so long that it is taken for dead and removed.
//
// A holder looks before each change whether its file is still there. Has it stood still for half of
// that time, it renews its file first, which fails where the file was removed.
import { randomBytes } from "node:crypto";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DataFolderLocked, DataFolderLost } from "./errors.js";
import {
  type FileSystem,
  isGone,
  type OpenFile,
  readWhole,
  removeIfPresent,
} from "./file-system.js";
import { describeHolder, type Holder, ownHolder, parseHolder, standingOf } from "./lock-holder.js";

const KERNEL_FILE = "lock";
const NAME = /^lock-\d+-[0-9a-f]{16}$/;
const ATTEMPTS = 4;
const RENEW_MS = 500;
/** A file that has not moved for so long is that of a dead holder. */
const STALE_MS = 3_000;
/** Half of it: the other half is for what lies between a look and what is done then. */
const DOUBT_MS = STALE_MS / 2;
const WATCH_MS = 100;
const MAX_BACKOFF_MS = 50;

interface Refusal {
  readonly kind: "refused";
  readonly pid: number;
  readonly holder: Holder | undefined;
  readonly maxBackoffMs: number;
}

/** @throws DataFolderLocked */
export async function lockFolder(files: FileSystem, dir: string): Promise<FolderLock> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await contend(files, dir);
    if (outcome instanceof FolderLock) return outcome;
    // It may be a contender that steps back just as this one does.
    if (attempt === ATTEMPTS) {
      throw new DataFolderLocked(dir, outcome.pid, describeHolder(outcome.holder));
    }
    await delay(Math.random() * outcome.maxBackoffMs);
  }
}

async function contend(files: FileSystem, dir: string): Promise<FolderLock | Refusal> {
  const kernel = await files.open(path.join(dir, KERNEL_FILE), "keep");
  let lock: FolderLock | undefined;
  try {
    const answer = kernel.tryLock();
    if (answer !== "held") {
      lock = await FolderLock.putDown(files, dir, kernel, answer === "taken");
    }
    const other = await findOther(files, dir, lock);
    if (lock !== undefined && other === undefined) return lock;
    await (lock === undefined ? kernel.close() : lock.release());
    return other ?? refusal(undefined, undefined);
  } catch (error) {
    await (lock === undefined ? kernel.close() : lock.release()).catch(() => undefined);
    throw error;
  }
}

/**
 * Another holder that lives; files of the dead are removed. Without a lock of its own this process was
 * refused by the kernel already, and only looks by whom.
 */
async function findOther(
  files: FileSystem,
  dir: string,
  own: FolderLock | undefined,
): Promise<Refusal | undefined> {
  for (const name of await files.list(dir)) {
    if (!NAME.test(name) || name === own?.name) continue;
    const file = path.join(dir, name);
    const holder = await readHolder(files, file);
    if (own === undefined) {
      if (holder?.hasKernelLock === true) return refusal(name, holder);
      continue;
    }
    const standing = holder === undefined ? "unknown" : standingOf(holder, own.hasKernelLock);
    if (standing === "lives") return refusal(name, holder);
    // Contenders that watch one another step back together: they must not come back together.
    if (standing === "unknown" && (await isRenewed(files, file))) {
      return { ...refusal(name, holder), maxBackoffMs: RENEW_MS };
    }
    await removeIfPresent(files, file);
  }
  return undefined;
}

function refusal(name: string | undefined, holder: Holder | undefined): Refusal {
  const pid = Number(name?.split("-")[1] ?? 0);
  return { kind: "refused", pid, holder, maxBackoffMs: MAX_BACKOFF_MS };
}

async function readHolder(files: FileSystem, file: string): Promise<Holder | undefined> {
  try {
    return parseHolder((await readWhole(files, file)).toString());
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Whether the file moves; returns as soon as it does, or is removed. No event tells of other hosts. */
async function isRenewed(files: FileSystem, file: string): Promise<boolean> {
  const before = await files.changedAtMs(file);
  const untilMs = performance.now() + STALE_MS;
  while (before !== undefined && performance.now() < untilMs) {
    await delay(WATCH_MS);
    const now = await files.changedAtMs(file);
    if (now !== before) return now !== undefined;
  }
  return false;
}

/** Held from `putDown` on, if nobody else is found. */
export class FolderLock {
  readonly #files: FileSystem;
  readonly #dir: string;
  readonly #kernel: OpenFile;
  readonly #file: string;
  readonly #lost = new AbortController();
  readonly #renewal: NodeJS.Timeout;
  #renewing: Promise<void> | undefined;
  /** When the last renewal that succeeded was begun. */
  #renewedAtMs = performance.now();

  private constructor(
    files: FileSystem,
    dir: string,
    kernel: OpenFile,
    readonly name: string,
    readonly hasKernelLock: boolean,
  ) {
    this.#files = files;
    this.#dir = dir;
    this.#kernel = kernel;
    this.#file = path.join(dir, name);
    this.#renewal = setInterval(() => {
      // A disk that cannot is found out by who writes; and in doubt it is tried again first.
      void this.#renew().catch(() => undefined);
    }, RENEW_MS);
    this.#renewal.unref();
  }

  static async putDown(
    files: FileSystem,
    dir: string,
    kernel: OpenFile,
    hasKernelLock: boolean,
  ): Promise<FolderLock> {
    const name = `lock-${process.pid}-${randomBytes(8).toString("hex")}`;
    const file = path.join(dir, name);
    const handle = await files.open(file, "create");
    try {
      await handle.write(Buffer.from(JSON.stringify(ownHolder(hasKernelLock))), 0);
    } catch (error) {
      // Nobody is to wait for a file that tells of no holder.
      await removeIfPresent(files, file).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
    return new FolderLock(files, dir, kernel, name, hasKernelLock);
  }

  /** Aborted, with a DataFolderLost, as soon as this process knows that it has lost the folder. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * To be asked before each change of the folder: throws where it is lost. Undefined if it is held for
   * sure; else a promise that settles once that is known.
   * @throws DataFolderLost
   */
  check(): Promise<void> | undefined {
    if (!this.#files.exists(this.#file)) throw this.#lose();
    return this.checkTime();
  }

  /**
   * The same by the clock alone, which costs nothing: whether this process stood still for so long that
   * it may have lost the folder.
   * @throws DataFolderLost
   */
  checkTime(): Promise<void> | undefined {
    this.#lost.signal.throwIfAborted();
    return this.#isInDoubt() ? this.#dispelDoubt() : undefined;
  }

  async release(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#renewing?.catch(() => undefined);
    try {
      await removeIfPresent(this.#files, this.#file);
    } finally {
      await this.#kernel.close();
    }
  }

  #isInDoubt(): boolean {
    return performance.now() - this.#renewedAtMs > DOUBT_MS;
  }

  async #dispelDoubt(): Promise<void> {
    // It may have stood still again, behind the renewal.
    while (this.#isInDoubt()) await this.#renew();
  }

  #renew(): Promise<void> {
    this.#renewing ??= this.#touch().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #touch(): Promise<void> {
    const begunAtMs = performance.now();
    try {
      await this.#files.touch(this.#file);
      this.#renewedAtMs = begunAtMs;
    } catch (error) {
      throw isGone(error) ? this.#lose() : error;
    }
  }

  #lose(): DataFolderLost {
    clearInterval(this.#renewal);
    const error = new DataFolderLost(this.#dir);
    this.#lost.abort(error);
    return error;
  }
}
