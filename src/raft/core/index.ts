// The surface of the core.
export * from "./errors.js";
export { decodeMembership, emptyMembership, encodeMembership } from "./membership.js";
export type * from "./message.js";
export type { LogReader, RaftCoreOptions } from "./options.js";
export { MAX_LEADERSHIP_PRIORITY } from "./options.js";
export type { ProgressState } from "./progress.js";
export { RaftCore } from "./raft.js";
export type * from "./ready.js";
export type * from "./results.js";
export * from "./types.js";
