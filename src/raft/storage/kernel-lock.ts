// A lock on an open file that the kernel keeps: it is seen from every process and container of the
// machine, and gone with the process that held it. From fs-native-extensions (fcntl's open file
// description locks on Linux, flock on macOS, LockFileEx on Windows), where it runs.
import { createRequire } from "node:module";
import { errorCode } from "./errors.js";

/** "unsupported": the platform or the file system has no such lock. */
export type KernelLock = "taken" | "held" | "unsupported";

type TryLock = (fd: number) => boolean;

let native: TryLock | "none" | undefined;

/** Asks for the file, without waiting. Held until the file is closed. */
export function tryKernelLock(fd: number): KernelLock {
  native ??= load();
  if (native === "none") return "unsupported";
  try {
    return native(fd) ? "taken" : "held";
  } catch (error) {
    // ENOLCK, ENOTSUP, ENOSYS and the like: the file system cannot.
    if (errorCode(error) === undefined) throw error;
    return "unsupported";
  }
}

function load(): TryLock | "none" {
  try {
    const require = createRequire(import.meta.url);
    return (require("fs-native-extensions") as { readonly tryLock: TryLock }).tryLock;
  } catch {
    // No binary for this platform, such as Linux with musl.
    return "none";
  }
}
