// The public surface of the Raft module: a node, what it needs, and the words of the protocol.
export type * from "./core/message.js";
export type { MemberChange, RaftStatus } from "./core/results.js";
export type { Role, SoftState } from "./core/ready.js";
export * from "./core/types.js";
export { emptyMembership } from "./core/index.js";
export type { DurableLog, WriteOutcome } from "./storage/durable-log.js";
export * from "./errors.js";
export { foundFromState, type FoundState, refound, type Remains, remainsOf } from "./refounding.js";
export { RaftNode } from "./node.js";
export type { RaftNodeOptions, RaftTransport, SnapshotPolicy } from "./node-options.js";
export type { Proposal } from "./pending-proposals.js";
export { SnapshotContent } from "./snapshot-content.js";
export type { StateMachine, StateSnapshot } from "./state-machine.js";
export {
  DataFolderLocked,
  DataFolderLost,
  type FileSystem,
  LogCorrupt,
  openRaftStorage,
  RaftStorage,
  type RaftStorageOptions,
  type SnapshotSubject,
  StateLost,
  StorageClosed,
  StorageFailure,
  type StorageIdentity,
} from "./storage/index.js";
