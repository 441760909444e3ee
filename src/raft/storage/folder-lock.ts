// One process at a time in a data folder. Each contender puts down a file of its own that names its
// process, and then looks for others: of two at the same time, at least one sees the other. A file
// whose process is gone counts for nothing, so that nothing is left to clean up after kill -9.
//
// Limit: a process in another container (another pid namespace) or on another host is not seen.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DataFolderLocked, errorCode } from "./errors.js";
import { type FileSystem, readWhole, removeIfPresent } from "./file-system.js";

export interface FolderLock {
  release(): Promise<void>;
}

/** A process; a pid alone is used again, and again after a restart of the machine. */
interface Holder {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

const NAME = /^lock-\d+-[0-9a-f]{16}$/;
const ATTEMPTS = 4;
const MAX_BACKOFF_MS = 50;

/** @throws DataFolderLocked */
export async function lockFolder(files: FileSystem, dir: string): Promise<FolderLock> {
  const own = path.join(dir, `lock-${process.pid}-${randomBytes(8).toString("hex")}`);
  for (let attempt = 1; ; attempt += 1) {
    await putDown(files, own);
    const other = await findOther(files, dir, path.basename(own));
    if (other === undefined) return { release: () => removeIfPresent(files, own) };
    await removeIfPresent(files, own);
    // It may be a contender that steps back just as this one does.
    if (attempt === ATTEMPTS) throw new DataFolderLocked(dir, other);
    await delay(Math.random() * MAX_BACKOFF_MS);
  }
}

async function putDown(files: FileSystem, file: string): Promise<void> {
  const { pid } = process;
  const holder: Holder = { pid, startTime: startTimeOf(pid) ?? "", bootId: bootId() };
  const handle = await files.open(file, "create");
  try {
    await handle.write(Buffer.from(JSON.stringify(holder)), 0);
  } finally {
    await handle.close();
  }
}

/** The pid of another holder that lives; files of the dead are removed. */
async function findOther(files: FileSystem, dir: string, own: string): Promise<number | undefined> {
  for (const name of await files.list(dir)) {
    if (!NAME.test(name) || name === own) continue;
    const file = path.join(dir, name);
    const pid = Number(name.split("-")[1]);
    if (await isHeld(files, file, pid)) return pid;
    await removeIfPresent(files, file);
  }
  return undefined;
}

async function isHeld(files: FileSystem, file: string, pid: number): Promise<boolean> {
  if (!isRunning(pid)) return false;
  let holder: Partial<Record<keyof Holder, unknown>>;
  try {
    holder = JSON.parse((await readWhole(files, file)).toString()) as typeof holder;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    // Put down a moment ago, and not filled in yet; or its process was killed just there.
    if (error instanceof SyntaxError) return true;
    throw error;
  }
  const startTime = startTimeOf(pid);
  if (startTime === undefined) return true;
  return holder.startTime === startTime && holder.bootId === bootId();
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** In ticks since the boot; undefined on systems without /proc. */
function startTimeOf(pid: number): string | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  // The name in field 2 may hold blanks and brackets; field 22 is counted from behind it (proc(5)).
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function bootId(): string {
  return readProc("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
}

function readProc(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}
