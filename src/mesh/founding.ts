// How a node comes to belong to a mesh: by the Raft state on its disk, by founding a mesh with
// others, or by joining one that is there.
import type { ClientPool } from "../api/client-pool.js";
import type { RegistryWriter } from "../discovery/registry-writer.js";
import type { Registry } from "../discovery/registry.js";
import { emptyMembership, type Membership, nodeId, type RaftStorage } from "../raft/index.js";
import type { Logger } from "../telemetry/logger.js";
import { joinMesh } from "./join-mesh.js";

interface MemberAddress {
  readonly id: string;
  readonly address: string;
}

export interface FoundingOptions {
  readonly id: string;
  readonly address: string;
  /** Nodes that form a new mesh together. */
  readonly expect: number;
  /** How many of them vote. */
  readonly voters: number;
  readonly registry: Registry;
  readonly writer: RegistryWriter;
  readonly storage: RaftStorage;
  /** To other nodes. */
  readonly clients: ClientPool;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Returns the id of the mesh; the storage then has an identity. */
export async function belongToMesh(options: FoundingOptions): Promise<string> {
  const { storage, registry, writer, id, expect, voters, signal } = options;
  if (storage.identity !== undefined) return storage.identity.meshId;
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
    await joinMesh({ ...options, meshId, registry: registry.watch });
  }
  await storage.initialise({ serverId: nodeId(id), meshId }, membership);
  await writer.adopt({ meshId, members });
  return meshId;
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
