// What ends a node, or keeps it from starting, told in one line.
import { BindFailed, PortTaken } from "../../api/errors.js";
import { MeshMismatch } from "../../discovery/errors.js";
import {
  DataFolderLocked,
  DataFolderLost,
  LogCorrupt,
  StateLost,
  StorageFailure,
} from "../../raft/index.js";
import { UserModuleError } from "../../worker/errors.js";

/** What its user can mend: thrown by startNode, and by the process of a node that cannot go on. */
export class NodeFailure extends Error {
  override readonly name = "NodeFailure";
  readonly exitLine: string;

  constructor(exitLine: string, options?: { readonly cause: unknown }) {
    super(exitLine, options);
    this.exitLine = exitLine;
  }
}

/** An expected error as the line that tells it; any other as it is. */
export function asNodeFailure(error: unknown): unknown {
  const expected =
    error instanceof PortTaken ||
    error instanceof BindFailed ||
    error instanceof MeshMismatch ||
    error instanceof DataFolderLocked ||
    error instanceof DataFolderLost ||
    error instanceof LogCorrupt ||
    error instanceof StateLost ||
    error instanceof StorageFailure ||
    error instanceof UserModuleError;
  return expected ? new NodeFailure(error.message, { cause: error }) : error;
}
