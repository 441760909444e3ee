// What can go wrong with a server's data folder. Each message is one line that says what to do.

/** Thrown at open, or by a read, where bytes that were durable are not what was written. */
export class LogCorrupt extends Error {
  override readonly name = "LogCorrupt";

  constructor(
    readonly file: string,
    readonly offset: number,
    readonly what: string,
  ) {
    super(
      `${file} is damaged at byte ${offset}: ${what}. Do not repair it by hand: restore the whole ` +
        `folder from a copy, or move it away and let this server join again under a new id`,
    );
  }
}

/** Thrown at open where a part of what this server once promised to keep is gone as a whole. */
export class StateLost extends Error {
  override readonly name = "StateLost";

  constructor(
    readonly dir: string,
    readonly what: string,
  ) {
    super(
      `${dir}: ${what}. This server could vote twice: bring the missing files back, or move the ` +
        `folder away and let this server join again under a new id`,
    );
  }
}

/** Thrown at open where a process that lives uses the folder, on this host or elsewhere. */
export class DataFolderLocked extends Error {
  override readonly name = "DataFolderLocked";

  constructor(
    readonly dir: string,
    readonly pid: number,
    /** The process as it is told to people. */
    readonly holder: string,
  ) {
    super(`${dir} is in use by ${holder}: stop that process, or choose another data folder`);
  }
}

/**
 * Another process has taken the folder, while this one stood still for so long that it was taken for
 * dead, or somebody removed its lock. Nothing was written since, and nothing may be.
 */
export class DataFolderLost extends Error {
  override readonly name = "DataFolderLost";

  constructor(readonly dir: string) {
    super(
      `${dir} is no longer this process's: another one has taken it while this one stood still, or ` +
        `its lock file was removed. Nothing was written since; start the node again where its data belongs`,
    );
  }
}

/**
 * The disk failed a write or a sync. What reached the disk is unknown then, so nothing is tried
 * again: every later write rejects with the same error.
 */
export class StorageFailure extends Error {
  override readonly name = "StorageFailure";

  constructor(
    readonly dir: string,
    override readonly cause: unknown,
  ) {
    super(`${dir} could not be written (${reasonOf(cause)}): ${adviceFor(cause)}`);
  }
}

/** Thrown by every write after `close()`. */
export class StorageClosed extends Error {
  override readonly name = "StorageClosed";

  constructor(readonly dir: string) {
    super(`${dir} is closed: open it again to go on`);
  }
}

/** The code of a failed system call, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function adviceFor(cause: unknown): string {
  switch (errorCode(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return "free some space, then start the node again";
    case "EFBIG":
      return "raise the limit of a file's size (ulimit -f), then start the node again";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "make the folder writable for this user, then start the node again";
    default:
      return "check the disk, then start the node again";
  }
}
