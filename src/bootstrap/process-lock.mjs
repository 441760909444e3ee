// A lock that dies with its process, also after kill -9. Every contender publishes a file of its own
// that carries its identity (pid, start time, and where pids mean that), then looks whether another
// living one is there. Who publishes later sees who published earlier, so two can never both go ahead;
// files of dead processes can be removed by anyone, because their names are never used again.
//
// A process in another container or on another host cannot be asked for by its pid: it renews its
// file, and is taken for dead once the file has not moved for a while. Containers of one machine are
// told apart by a lock of the kernel, too, where the package for it is there: this is plain Node,
// which runs before there are packages.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { hostname } from "node:os";
import { join } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {{ pid: number, startedAt: string }} ProcessIdentity
 * @typedef {ProcessIdentity & { place: string, host: string, hasKernelLock: boolean }} Holder
 * @typedef {{ release: () => void, lost: Promise<void> }} Lock `lost` resolves where another one has
 *   taken the lock, because this process stood still for so long that it was taken for dead
 */

const SUFFIX = ".lock";
const RENEW_MS = 500;
/** A file that has not moved for so long is that of a dead holder. */
const STALE_MS = 3_000;
const WATCH_MS = 100;

/**
 * When a process started, in a form to compare only; undefined if there is no such process. With the
 * pid it names a process for good: pids are used again.
 * @param {number} pid
 * @returns {string | undefined}
 */
export function startTimeOf(pid) {
  if (process.platform === "linux") {
    try {
      // proc(5): the name in parentheses may hold spaces; the start time is the 20th field after it.
      const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  const ps = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], {
    encoding: "utf8",
    // The form of a date depends on both; contenders may run under different ones.
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
  });
  const text = typeof ps.stdout === "string" ? ps.stdout.trim() : "";
  return text === "" ? undefined : text;
}

/**
 * Whether the process that had this identity still runs.
 * @param {ProcessIdentity} identity
 */
export function isAlive(identity) {
  return startTimeOf(identity.pid) === identity.startedAt;
}

/**
 * Takes the lock `name` in `folder` if no living process holds it; a holder elsewhere is watched for
 * up to three seconds first.
 * @param {string} folder it is made if missing
 * @param {string} name
 * @returns {Promise<{ kind: "taken", lock: Lock } | { kind: "held", by: Holder }>}
 */
export async function tryLock(folder, name) {
  mkdirSync(folder, { recursive: true });
  const kernel = kernelLock(join(folder, `${name}.kernel-lock`));
  if (kernel.answer === "held") return { kind: "held", by: anyHolder(folder, name) };
  const own = `${name}.${String(process.pid)}-${randomBytes(6).toString("hex")}${SUFFIX}`;
  const file = join(folder, own);
  const hasKernelLock = kernel.answer === "taken";
  writeFileSync(file, JSON.stringify(ownHolder(hasKernelLock)), { flag: "wx" });
  const renewal = setInterval(() => renew(file, lose), RENEW_MS).unref();
  /** @type {() => void} */
  let lose = () => undefined;
  /** @type {Promise<void>} */
  const lost = new Promise((resolve) => {
    lose = resolve;
  });
  const release = () => {
    clearInterval(renewal);
    process.off("exit", release);
    rmSync(file, { force: true });
    kernel.release();
  };
  process.on("exit", release);
  const other = await livingHolder(folder, name, own, hasKernelLock);
  if (other === undefined) return { kind: "taken", lock: { release, lost } };
  release();
  return { kind: "held", by: other };
}

/**
 * Waits for the lock; `onWait` is told once whom it waits for.
 * @param {string} folder
 * @param {string} name
 * @param {(holder: Holder) => void} onWait
 * @returns {Promise<Lock>}
 */
export async function waitForLock(folder, name, onWait) {
  let told = false;
  for (;;) {
    const attempt = await tryLock(folder, name);
    if (attempt.kind === "taken") return attempt.lock;
    if (!told) onWait(attempt.by);
    told = true;
    // Contenders that met back off by chance, so that one of them gets through.
    await sleep(50 + Math.random() * 200);
  }
}

/**
 * A holder as it is told to people.
 * @param {Holder} holder
 * @returns {string}
 */
export function describeHolder({ pid, place, host }) {
  if (host !== hostname()) return `pid ${String(pid)} on host ${host}`;
  return place === ownPlace() ? `pid ${String(pid)}` : `pid ${String(pid)} in another container`;
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} own
 * @param {boolean} hasKernelLock
 * @returns {Promise<Holder | undefined>}
 */
async function livingHolder(folder, name, own, hasKernelLock) {
  for (const file of filesOf(folder, name)) {
    if (file === own) continue;
    const path = join(folder, file);
    const holder = readHolder(path, file, name);
    if (holder === undefined) continue;
    if (await lives(holder, path, hasKernelLock)) return holder;
    rmSync(path, { force: true });
  }
  return undefined;
}

/**
 * @param {Holder} holder
 * @param {string} file
 * @param {boolean} hasKernelLock
 */
async function lives(holder, file, hasKernelLock) {
  // One kernel gives its lock to one of them: the other has let go of it, and so has ended.
  const isSameKernel = bootOf(holder.place) !== "" && bootOf(holder.place) === bootOf(ownPlace());
  if (isSameKernel && hasKernelLock && holder.hasKernelLock) return false;
  return holder.place === ownPlace() ? isAlive(holder) : isRenewed(file);
}

/**
 * The holder that the kernel knows of, as far as its file is there.
 * @param {string} folder
 * @param {string} name
 * @returns {Holder}
 */
function anyHolder(folder, name) {
  for (const file of filesOf(folder, name)) {
    const holder = readHolder(join(folder, file), file, name);
    if (holder?.hasKernelLock === true) return holder;
  }
  return { ...ownHolder(true), pid: 0, startedAt: "" };
}

/**
 * @param {string} folder
 * @param {string} name
 */
function filesOf(folder, name) {
  return readdirSync(folder).filter((file) => file.startsWith(`${name}.`) && file.endsWith(SUFFIX));
}

/**
 * @param {boolean} hasKernelLock
 * @returns {Holder}
 */
function ownHolder(hasKernelLock) {
  const { pid } = process;
  const startedAt = startTimeOf(pid) ?? "";
  return { pid, startedAt, place: ownPlace(), host: hostname(), hasKernelLock };
}

/**
 * Asks the kernel for a file, until it is closed.
 * @param {string} file
 * @returns {{ answer: "taken" | "held" | "unsupported", release: () => void }}
 */
function kernelLock(file) {
  const fd = openSync(file, "a+");
  const release = () => closeSync(fd);
  try {
    const native = createRequire(import.meta.url)("fs-native-extensions");
    if (native.tryLock(fd)) return { answer: "taken", release };
    release();
    return { answer: "held", release: () => undefined };
  } catch {
    // No packages yet, no binary for this platform, or no locks on this file system.
    return { answer: "unsupported", release };
  }
}

/**
 * A file just made may be empty still; it is one of here then, or it will be seen to stand still.
 * @param {string} path
 * @param {string} file
 * @param {string} name
 * @returns {Holder | undefined}
 */
function readHolder(path, file, name) {
  const pid = Number(file.slice(name.length + 1).split("-")[0]);
  /** @type {Holder} */
  const unnamed = { pid, startedAt: "", place: "", host: hostname(), hasKernelLock: false };
  try {
    const text = readFileSync(path, "utf8");
    return text === "" ? unnamed : { ...unnamed, ...JSON.parse(text) };
  } catch {
    // Removed since it was listed: its holder is gone.
    return undefined;
  }
}

/**
 * @param {string} file
 * @param {() => void} lose
 */
function renew(file, lose) {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // A disk that fails is found out by who writes to it.
    if (code === "ENOENT" || code === "ESTALE") lose();
  }
}

/**
 * Whether the holder elsewhere goes on renewing its file; no event tells of other hosts.
 * @param {string} file
 */
async function isRenewed(file) {
  const before = changedAt(file);
  for (let waitedMs = 0; before !== undefined && waitedMs < STALE_MS; waitedMs += WATCH_MS) {
    await sleep(WATCH_MS);
    const now = changedAt(file);
    if (now !== before) return now !== undefined;
  }
  return false;
}

/** @param {string} file */
function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** @param {string} place */
function bootOf(place) {
  return place.includes(" ") ? place.split(" ")[0] : "";
}

/** Within which a pid names a process: this boot of this machine, and this container of it. */
function ownPlace() {
  if (process.platform !== "linux") return hostname();
  try {
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${bootId} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}
