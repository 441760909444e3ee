// Makes a mesh of one node again where a majority of the disks is lost: from the disk of a survivor, from a
// backup of one, or from what Redis holds where no disk is left. Each is planned first, which changes
// nothing, so that whoever decides can read what will be lost; then it is carried out.
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { ulid } from "ulid";
import { RedisKeys } from "../../queue/redis/keys.js";
import {
  foundFromState,
  nodeId,
  openRaftStorage,
  refound,
  type Remains,
  remainsOf,
} from "../../raft/index.js";
import { type BackupManifest, readManifest, unpackBackup } from "./backup-file.js";
import { RecoveryRefused } from "./errors.js";
import {
  connectRedis,
  type RedisEvidence,
  redisEvidence,
  type RedisPlace,
} from "./redis-evidence.js";
import { snapshotFromRedis } from "./redis-snapshot.js";
import { lookFor, type Sighting } from "./sightings.js";

export interface SurvivorPlan {
  readonly folder: string;
  readonly nodeId: string;
  readonly meshId: string;
  readonly remains: Remains;
  /** The other members of its configuration, and whether they are alive. */
  readonly others: readonly (Sighting & { readonly isVoter: boolean })[];
  /** Undefined where no Redis could be asked; why not. */
  readonly redis: RedisEvidence | undefined;
  readonly redisError: string | undefined;
}

/**
 * What there is on a survivor's disk, and what is known to be missing there. Changes nothing.
 * @param place undefined where the configuration names no Redis
 * @throws RecoveryRefused, DataFolderLocked while a node runs on the folder, LogCorrupt
 */
export async function planFromSurvivor(
  folder: string,
  place: RedisPlace | undefined,
): Promise<SurvivorPlan> {
  const { identity, remains } = await read(folder);
  const { serverId, meshId } = identity;
  const { voters, outgoing, learners } = remains.membership;
  const isOther = ({ id }: { readonly id: string }): boolean => id !== serverId;
  const voting = [...voters, ...outgoing].filter(isOther);
  const others = [
    ...(await lookFor(voting, meshId)).map((one) => ({ ...one, isVoter: true })),
    ...(await lookFor(learners.filter(isOther), meshId)).map((one) => ({ ...one, isVoter: false })),
  ];
  const asked = await askRedis(place, remains.lastIndex);
  return { folder, nodeId: serverId, meshId, remains, others, ...asked };
}

/** Why a plan must not be carried out; undefined where nothing is in its way. */
export function obstacleOf(plan: SurvivorPlan): string | undefined {
  const alive = plan.others.find(({ isVoter, isAlive }) => isVoter && isAlive);
  if (alive !== undefined) {
    return (
      `${alive.id} at ${alive.address} ${alive.told}: bring a majority of the voters together instead, ` +
      "which loses nothing; or, if they are lost for good, stop what is left of them first"
    );
  }
  const registered = plan.redis?.registered.find(
    ({ id, meshId }) =>
      meshId === plan.meshId && plan.others.some((other) => other.isVoter && other.id === id),
  );
  if (registered === undefined) return undefined;
  return `${registered.id} was registered in Redis a moment ago: it is alive, or was seconds ago; look again in 10 s`;
}

/** @returns id of the new mesh. @throws RecoveryRefused, DataFolderLocked, StorageFailure */
export async function recoverFromSurvivor(folder: string): Promise<string> {
  const storage = await openRaftStorage({ dir: folder });
  try {
    const meshId = ulid();
    await refound(storage, meshId);
    return meshId;
  } finally {
    await storage.close();
  }
}

/** Unpacks a backup where its node's folder belongs; it is planned and recovered as a survivor's then. */
export async function restoreBackup(
  file: string,
  foldersOfNodes: string,
): Promise<{ readonly manifest: BackupManifest; readonly folder: string }> {
  const manifest = await readManifest(file);
  const folder = path.join(foldersOfNodes, manifest.nodeId);
  await unpackBackup(file, folder);
  return { manifest, folder };
}

export interface RecoveredFromRedis {
  readonly meshId: string;
  readonly index: number;
  readonly tasks: number;
  readonly running: number;
  readonly settingsIndex: number | undefined;
}

export interface RedisRecoveryOptions {
  readonly place: RedisPlace;
  /** Folder that the node's state goes to: empty, or not there. */
  readonly folder: string;
  readonly nodeId: string;
  /** host:port at which the node will be reached. */
  readonly address: string;
  readonly nowMs: number;
}

/** @throws RecoveryRefused, RedisUnavailable, StorageFailure */
export async function recoverFromRedis(options: RedisRecoveryOptions): Promise<RecoveredFromRedis> {
  const { place, folder, address } = options;
  const evidence = await redisEvidence(place, 0);
  if (evidence.index <= 0) {
    throw new RecoveryRefused(
      evidence.index === 0
        ? `Redis holds nothing of a mesh named ${place.mesh}`
        : "Redis was left half restored: it cannot be recovered from",
    );
  }
  const [alive] = evidence.registered.filter(({ meshId }) => meshId !== undefined);
  if (alive !== undefined) {
    throw new RecoveryRefused(
      `${alive.id} was registered in Redis a moment ago, with a disk: recover from that one, or look again in 10 s`,
    );
  }
  if ((await readdir(folder).catch(() => [])).length > 0) {
    throw new RecoveryRefused(`${folder} is not empty: recover from it, or move it away first`);
  }
  const aside = `${folder}.redis-content`;
  await mkdir(path.dirname(folder), { recursive: true });
  const redis = await connectRedis(place);
  try {
    const source = { redis, keys: new RedisKeys(place.mesh) };
    const state = await snapshotFromRedis(source, aside, options.nowMs);
    const meshId = ulid();
    const storage = await openRaftStorage({ dir: folder });
    try {
      const known = [evidence.meshId, evidence.queueMeshId].filter((one) => one !== undefined);
      const mesh = { meshId, supersedes: [...new Set(known)] };
      await foundFromState(storage, { id: nodeId(options.nodeId), address }, mesh, state);
    } catch (error) {
      await storage.close();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    await storage.close();
    const { index, tasks, running, settingsIndex } = state;
    return { meshId, index, tasks, running, settingsIndex };
  } finally {
    redis.disconnect();
    await rm(aside, { force: true });
  }
}

async function read(folder: string) {
  if ((await readdir(folder).catch(() => [])).length === 0) {
    throw new RecoveryRefused(`${folder} holds no state of a node: there is nothing to recover`);
  }
  const storage = await openRaftStorage({ dir: folder });
  try {
    const { identity } = storage;
    if (identity === undefined) {
      throw new RecoveryRefused(`${folder} holds no state of a node: there is nothing to recover`);
    }
    return { identity, remains: remainsOf(storage) };
  } finally {
    await storage.close();
  }
}

async function askRedis(
  place: RedisPlace | undefined,
  lastIndex: number,
): Promise<Pick<SurvivorPlan, "redis" | "redisError">> {
  if (place === undefined) return { redis: undefined, redisError: "the config names none" };
  try {
    return { redis: await redisEvidence(place, lastIndex), redisError: undefined };
  } catch (error) {
    const redisError = error instanceof Error ? error.message : String(error);
    return { redis: undefined, redisError };
  }
}
