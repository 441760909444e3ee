// A copy of a node's data folder, made while the node is at work: log and snapshots are only ever written
// behind or aside, so that copies of the files, the log's before the snapshot's, are a state that the node
// had on disk at some moment. Each copy is opened and read whole before it counts.
import { copyFile, link, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { LogCorrupt, openRaftStorage, remainsOf, StateLost } from "../../raft/index.js";
import { BACKUP_FORMAT, type BackupManifest, packBackup } from "./backup-file.js";
import { RecoveryRefused } from "./errors.js";

/** A copy that was made while files came and went may not fit together: another one is made. */
const MAX_TRIES = 5;
/** All that a node's state is in; the rest belongs to the process that is at work there. */
const STATE = /^(identity|log-\d+|snapshot-\d+-\d+)$/;
const SNAPSHOT = /^snapshot-/;

export interface BackupOptions {
  /** Data folder of the node. */
  readonly folder: string;
  /** Where the backup is written to. */
  readonly file: string;
  /** Name of the mesh. */
  readonly mesh: string;
  /** Of this program. */
  readonly version: string;
  readonly now: () => Date;
}

/**
 * Writes a backup of a node's disk, whether the node runs or not.
 * @throws RecoveryRefused where there is no state, or no copy of it can be read
 */
export async function backUp(options: BackupOptions): Promise<BackupManifest> {
  const { folder, file } = options;
  const staging = await mkdtemp(path.join(path.dirname(path.resolve(file)), ".backup-"));
  try {
    let failure: unknown;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const copy = path.join(staging, String(tries));
      try {
        await copyFolder(folder, copy);
        const manifest = await describe(copy, options);
        await packBackup(copy, file, manifest);
        return manifest;
      } catch (error) {
        if (!mayBeCuredByAnother(error)) throw error;
        failure = error;
      }
      await rm(copy, { recursive: true, force: true });
    }
    const reason = failure instanceof Error ? failure.message : String(failure);
    throw new RecoveryRefused(
      `no copy of ${folder} could be read in ${MAX_TRIES} tries, the last one: ${reason}`,
      { cause: failure },
    );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  const logFirst = (name: string): number => (SNAPSHOT.test(name) ? 1 : 0);
  const names = await readdir(from).catch((cause: unknown) => {
    throw new RecoveryRefused(`${from} cannot be read: there is no node's data`, { cause });
  });
  for (const name of names.sort((a, b) => logFirst(a) - logFirst(b))) {
    if (!STATE.test(name)) continue;
    const [source, target] = [path.join(from, name), path.join(to, name)];
    // A snapshot is never written to again.
    if (SNAPSHOT.test(name)) await link(source, target).catch(() => copyFile(source, target));
    else await copyFile(source, target);
  }
}

async function describe(folder: string, options: BackupOptions): Promise<BackupManifest> {
  const storage = await openRaftStorage({ dir: folder });
  try {
    const { identity } = storage;
    if (identity === undefined) {
      throw new RecoveryRefused(`${options.folder} holds no state of a node`);
    }
    const { lastIndex, commit, snapshotIndex } = remainsOf(storage);
    return {
      format: BACKUP_FORMAT,
      mesh: options.mesh,
      meshId: identity.meshId,
      nodeId: identity.serverId,
      lastIndex,
      commit,
      snapshotIndex,
      takenAt: options.now().toISOString(),
      version: options.version,
    };
  } finally {
    await storage.close();
  }
}

/** Files that went while they were copied, or a log that was cut back meanwhile. */
function mayBeCuredByAnother(error: unknown): boolean {
  if (error instanceof LogCorrupt || error instanceof StateLost) return true;
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
