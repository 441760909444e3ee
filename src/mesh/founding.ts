// How a node comes to belong to a mesh: by the Raft state on its disk, by founding a mesh with
// others, or by joining one that is there.
import type { RegistryWriter } from "../discovery/registry-writer.js";
import type { Registry } from "../discovery/registry.js";
import { emptyMembership, type Membership, nodeId, type RaftStorage } from "../raft/index.js";
import { NodeStartError } from "./errors.js";

/**
 * Founders past this many are learners from the start. A constant, not configuration: every founder
 * must come to the same membership.
 */
const MAX_FOUNDING_VOTERS = 5;

interface MemberAddress {
  readonly id: string;
  readonly address: string;
}

export interface FoundingOptions {
  readonly id: string;
  /** Nodes that form a new mesh together. */
  readonly expect: number;
  readonly registry: Registry;
  readonly writer: RegistryWriter;
  readonly storage: RaftStorage;
  readonly signal: AbortSignal;
}

/** Returns the id of the mesh; the storage then has an identity. */
export async function belongToMesh(options: FoundingOptions): Promise<string> {
  const { storage, registry, writer, id, expect, signal } = options;
  if (storage.identity !== undefined) return storage.identity.meshId;
  const outcome = await registry.form({ nodeId: id, expect }, signal);
  if (outcome.kind === "joiner" && outcome.stateLost) {
    throw new NodeStartError(
      `node ${id} was a member of mesh ${outcome.meshId}, and its data folder is empty: ` +
        "restore the folder, or start the node under a new id",
    );
  }
  const membership =
    outcome.kind === "founder" ? foundingMembership(outcome.members) : emptyMembership;
  await storage.initialise({ serverId: nodeId(id), meshId: outcome.meshId }, membership);
  await writer.adopt({ meshId: outcome.meshId, members: outcome.members });
  return outcome.meshId;
}

function foundingMembership(members: readonly MemberAddress[]): Membership {
  const sorted = members
    .map(({ id, address }) => ({ id: nodeId(id), address }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    ...emptyMembership,
    voters: sorted.slice(0, MAX_FOUNDING_VOTERS),
    learners: sorted.slice(MAX_FOUNDING_VOTERS),
  };
}
