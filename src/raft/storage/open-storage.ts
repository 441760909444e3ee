// Opens a data folder: takes its lock, repairs what a crash left unfinished, and checks all the rest.
import { invariant } from "../core/errors.js";
import { errorCode, StateLost, StorageFailure } from "./errors.js";
import { type FileSystem, nodeFileSystem } from "./file-system.js";
import { type FolderLock, lockFolder } from "./folder-lock.js";
import { lockedFiles } from "./locked-files.js";
import { type Foundation, openLog } from "./foundation.js";
import { readIdentity } from "./identity.js";
import { isLogUnused } from "./log-recovery.js";
import { SnapshotStore } from "./snapshot-store.js";
import { RaftStorage } from "./storage.js";

export interface RaftStorageOptions {
  /** Created where it does not exist. */
  readonly dir: string;
  /** A file of the log is closed at about this size. Default 16 MiB. */
  readonly segmentBytes?: number;
  /** Newest entries kept in memory, about. Default 32 MiB. */
  readonly cacheBytes?: number;
  /** Default: the real one. */
  readonly files?: FileSystem;
}

const MIB = 1024 * 1024;
const DEFAULT_SEGMENT_BYTES = 16 * MIB;
const DEFAULT_CACHE_BYTES = 32 * MIB;
/** Offsets are held in 32 bits; a segment may exceed its size by one batch. */
const MAX_SEGMENT_BYTES = 1024 * MIB;

/**
 * Opens a data folder for this process alone, cuts off what a crash left unfinished, and checks all
 * the rest. `identity` of the result is undefined where the folder holds no state yet.
 * @throws DataFolderLocked, LogCorrupt, StateLost, StorageFailure
 */
export async function openRaftStorage(options: RaftStorageOptions): Promise<RaftStorage> {
  const { dir, segmentBytes = DEFAULT_SEGMENT_BYTES } = options;
  const { files = nodeFileSystem, cacheBytes = DEFAULT_CACHE_BYTES } = options;
  invariant(segmentBytes > 0 && segmentBytes <= MAX_SEGMENT_BYTES, "segmentBytes is out of range");
  let lock: FolderLock | undefined;
  let snapshots: SnapshotStore | undefined;
  try {
    await files.createFolder(dir);
    lock = await lockFolder(files, dir);
    const foundation = { dir, files: lockedFiles(files, lock), segmentBytes, cacheBytes };
    const stored = await readIdentity(foundation.files, dir);
    snapshots = await SnapshotStore.open(foundation.files, dir);
    const contents = stored && { stored, log: await openLog(foundation, snapshots) };
    if (contents === undefined) await checkWithoutIdentity(foundation, snapshots);
    return new RaftStorage(foundation, lock, snapshots, contents);
  } catch (error) {
    await snapshots?.close();
    await lock?.release().catch(() => undefined);
    throw errorCode(error) === undefined ? error : new StorageFailure(dir, error);
  }
}

/** The identity is written last: without it, there is at most a log that was never written to. */
async function checkWithoutIdentity(
  { files, dir }: Foundation,
  snapshots: SnapshotStore,
): Promise<void> {
  if (snapshots.meta !== undefined || !(await isLogUnused(files, dir))) {
    throw new StateLost(dir, "the file named identity is missing beside a log");
  }
}
