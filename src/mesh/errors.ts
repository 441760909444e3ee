// Why a node does not start, told in one line.
import { BindFailed, PortTaken } from "../api/errors.js";
import { MeshMismatch } from "../discovery/errors.js";
import { DataFolderLocked, LogCorrupt, StateLost, StorageFailure } from "../raft/index.js";
import { UserModuleError } from "../worker/errors.js";

/** Thrown by startNode for what its user can mend. */
export class NodeStartError extends Error {
  override readonly name = "NodeStartError";
  readonly exitLine: string;

  constructor(exitLine: string, options?: { readonly cause: unknown }) {
    super(exitLine, options);
    this.exitLine = exitLine;
  }
}

/** An expected error as the line that tells it; any other as it is. */
export function startError(error: unknown): unknown {
  const expected =
    error instanceof PortTaken ||
    error instanceof BindFailed ||
    error instanceof MeshMismatch ||
    error instanceof DataFolderLocked ||
    error instanceof LogCorrupt ||
    error instanceof StateLost ||
    error instanceof StorageFailure ||
    error instanceof UserModuleError;
  return expected ? new NodeStartError(error.message, { cause: error }) : error;
}

/** Thrown for a message that no node of this version sends. */
export class MalformedRaftMessage extends Error {
  override readonly name = "MalformedRaftMessage";
}
