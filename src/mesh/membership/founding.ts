// How a node comes to belong to a mesh: by the Raft state on its disk, by founding a mesh with
// others, or by joining one that is there.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientPool } from "../../api/client-pool.js";
import type { RegistryWriter } from "../../discovery/registry-writer.js";
import type { Registry } from "../../discovery/registry.js";
import { emptyMembership, type Membership, nodeId, type RaftStorage } from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";
import { joinMesh } from "./join-mesh.js";

interface MemberAddress {
  readonly id: string;
  readonly address: string;
}

export interface FoundingOptions {
  readonly id: string;
  readonly address: string;
  /** Name of the mesh. */
  readonly mesh: string;
  /** Nodes that form a new mesh together. */
  readonly expect: number;
  /** How many of them vote. */
  readonly voters: number;
  readonly registry: Pick<Registry, "form" | "watch">;
  readonly writer: RegistryWriter;
  readonly storage: RaftStorage;
  /** To other nodes. */
  readonly clients: ClientPool;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const RETRY_MS = 250;

/** Returns the id of the mesh; the storage then has an identity. */
export async function belongToMesh(options: FoundingOptions): Promise<string> {
  const { storage, registry, writer, id, mesh, expect, voters, signal } = options;
  if (storage.identity !== undefined) {
    if (isFresh(storage)) await becomeKnown(options, storage.identity.meshId);
    return storage.identity.meshId;
  }
  const outcome = await registry.form({ nodeId: id, expect, voters }, signal);
  const { meshId, members } = outcome;
  let membership = emptyMembership;
  if (outcome.kind === "founder") {
    membership = foundingMembership(members, outcome.voters);
  } else {
    if (outcome.stateLost) {
      options.logger.warn(
        { meshId },
        "this node was a member and its data folder is empty: it joins as a new one",
      );
    }
    // First, so that it has no say before the mesh has let go of what it may have been.
    const isMember = await joinMesh({ ...options, meshId, registry: registry.watch });
    if (!isMember) return belongToMesh(options);
  }
  await storage.initialise({ serverId: nodeId(id), meshId, meshName: mesh }, membership);
  if (outcome.kind === "founder") await becomeKnown(options, meshId);
  else await writer.adopt({ meshId, members });
  return meshId;
}

/** It founds its mesh and has neither voted nor acknowledged anything yet. */
function isFresh(storage: RaftStorage): boolean {
  const { membership, hardState } = storage;
  return membership.voters.length > 0 && hardState.term === 0 && storage.lastIndex() === 0;
}

/**
 * Before a founder votes the registry must know of it. Else, with an empty data folder one day, it
 * would be told again that it founds the mesh, and vote as the member that it was.
 */
async function becomeKnown(options: FoundingOptions, meshId: string): Promise<void> {
  const { storage, writer, logger, signal } = options;
  const members = [...storage.membership.voters, ...storage.membership.learners];
  if (await writer.adopt({ meshId, members })) return;
  logger.info({ meshId }, "waiting for Redis, which has to know this node before it votes");
  do {
    await sleep(RETRY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  } while (!(await writer.adopt({ meshId, members })));
}

/** Founders past so many are learners from the start. */
function foundingMembership(members: readonly MemberAddress[], voters: number): Membership {
  const sorted = members
    .map(({ id, address }) => ({ id: nodeId(id), address }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    ...emptyMembership,
    voters: sorted.slice(0, voters),
    learners: sorted.slice(voters),
  };
}
