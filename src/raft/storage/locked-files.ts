// The file system for whoever holds the data folder's lock: before each change, and behind each sync,
// it is looked whether the folder is still held.
import type { FileSystem, OpenFile } from "./file-system.js";
import type { FolderLock } from "./folder-lock.js";

/** All but reading rejects with DataFolderLost once the folder is lost. */
export function lockedFiles(files: FileSystem, lock: FolderLock): FileSystem {
  const held = async <Result>(change: () => Promise<Result>): Promise<Result> => {
    const doubt = lock.check();
    if (doubt !== undefined) await doubt;
    return change();
  };
  const lockedFile = (file: OpenFile): OpenFile => ({
    sizeBytes: file.sizeBytes,
    write: (bytes, position) => held(() => file.write(bytes, position)),
    sync: async () => {
      await held(() => file.sync());
      // Nothing is acknowledged of which it is not sure that it was written in time.
      const doubt = lock.checkTime();
      if (doubt !== undefined) await doubt;
    },
    truncate: (sizeBytes) => held(() => file.truncate(sizeBytes)),
    read: (into, position) => file.read(into, position),
    readSync: (into, position) => file.readSync(into, position),
    tryLock: () => file.tryLock(),
    close: () => file.close(),
  });
  return {
    open: async (file, mode) => {
      const open = (): Promise<OpenFile> => files.open(file, mode);
      return lockedFile(await (mode === "create" || mode === "keep" ? held(open) : open()));
    },
    rename: (from, to) => held(() => files.rename(from, to)),
    remove: (file) => held(() => files.remove(file)),
    createFolder: (dir) => held(() => files.createFolder(dir)),
    syncFolder: (dir) => held(() => files.syncFolder(dir)),
    list: (dir) => files.list(dir),
    exists: (file) => files.exists(file),
    touch: (file) => held(() => files.touch(file)),
    changedAtMs: (file) => files.changedAtMs(file),
  };
}
