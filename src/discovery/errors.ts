// Errors of the registry that a caller can act on.

/**
 * A node with Raft state of one mesh met the formation record of another under the same mesh name:
 * the Redis, the mesh's name or the node's data folder is the wrong one.
 */
export class MeshMismatch extends Error {
  override readonly name = "MeshMismatch";

  constructor(
    readonly ownMeshId: string,
    readonly foundMeshId: string,
  ) {
    super(
      `the registry holds mesh ${foundMeshId}, but the Raft state of this node is of mesh ` +
        `${ownMeshId}: use the Redis, mesh name and data folder that belong together`,
    );
  }
}

/** Redis sent what the registry's scripts never answer. */
export class RegistryReplyError extends Error {
  override readonly name = "RegistryReplyError";
}
