// The surface of the storage: opening a data folder, and what can be wrong with one.
export {
  DataFolderLocked,
  DataFolderLost,
  LogCorrupt,
  StateLost,
  StorageClosed,
  StorageFailure,
} from "./errors.js";
export type { FileSystem, OpenFile, OpenMode } from "./file-system.js";
export { nodeFileSystem } from "./file-system.js";
export type { StorageIdentity } from "./identity.js";
export { openRaftStorage, type RaftStorageOptions } from "./open-storage.js";
export { RaftStorage, type SnapshotSubject } from "./storage.js";
