// Errors of the world that users of a Raft node handle. Broken promises of the code are
// InvariantViolation, and end the node.
import type { LogIndex, NodeId } from "./core/index.js";

/** Leadership was lost before the commit was known: the proposal may or may not be committed. */
export class ProposalLost extends Error {
  override readonly name = "ProposalLost";
}

/** The call was refused; it changed nothing. */
export class ProposalRefused extends Error {
  override readonly name = "ProposalRefused";

  constructor(
    readonly reason: string,
    readonly leader: NodeId | undefined,
  ) {
    super(`refused: ${reason}`);
  }
}

/** No leader with a quorum answered in time. Asking again is safe. */
export class NoLeader extends Error {
  override readonly name = "NoLeader";
}

/** Another server did not take over in time; the old leader goes on. */
export class TransferFailed extends Error {
  override readonly name = "TransferFailed";
}

/** The node has stopped, by its owner or because its disk failed. */
export class NodeStopped extends Error {
  override readonly name = "NodeStopped";

  constructor() {
    super("the node has stopped");
  }
}

/** Out of the content of a snapshot that is being read: a newer one has come in meanwhile. */
export class SnapshotReplaced extends Error {
  override readonly name = "SnapshotReplaced";

  constructor(readonly index: LogIndex) {
    super(`a newer snapshot took the place of the one at ${index}`);
  }
}
