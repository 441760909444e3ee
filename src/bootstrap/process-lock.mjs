// A lock that dies with its process, also after kill -9. Every contender publishes a file of its own
// that carries its identity (pid and start time), then looks whether another living one is there.
// Who publishes later sees who published earlier, so two can never both go ahead; files of dead
// processes can be removed by anyone, because their names are never used again.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {{ pid: number, startedAt: string }} ProcessIdentity
 * @typedef {{ release: () => void }} Lock
 */

const SUFFIX = ".lock";

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
 * Takes the lock `name` in `folder` if no living process holds it.
 * @param {string} folder it is made if missing
 * @param {string} name
 * @returns {{ kind: "taken", lock: Lock } | { kind: "held", by: ProcessIdentity }}
 */
export function tryLock(folder, name) {
  mkdirSync(folder, { recursive: true });
  const own = `${name}.${String(process.pid)}-${randomBytes(6).toString("hex")}${SUFFIX}`;
  const identity = { pid: process.pid, startedAt: startTimeOf(process.pid) ?? "" };
  writeFileSync(join(folder, own), JSON.stringify(identity), { flag: "wx" });
  const other = livingHolder(folder, name, own);
  if (other !== undefined) {
    rmSync(join(folder, own), { force: true });
    return { kind: "held", by: other };
  }
  const release = () => {
    process.off("exit", release);
    rmSync(join(folder, own), { force: true });
  };
  process.on("exit", release);
  return { kind: "taken", lock: { release } };
}

/**
 * Waits for the lock; `onWait` is told once whom it waits for.
 * @param {string} folder
 * @param {string} name
 * @param {(holder: ProcessIdentity) => void} onWait
 * @returns {Promise<Lock>}
 */
export async function waitForLock(folder, name, onWait) {
  let told = false;
  for (;;) {
    const attempt = tryLock(folder, name);
    if (attempt.kind === "taken") return attempt.lock;
    if (!told) onWait(attempt.by);
    told = true;
    // Contenders that met back off by chance, so that one of them gets through.
    await sleep(50 + Math.random() * 200);
  }
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} own
 * @returns {ProcessIdentity | undefined}
 */
function livingHolder(folder, name, own) {
  for (const file of readdirSync(folder)) {
    if (!file.startsWith(`${name}.`) || !file.endsWith(SUFFIX) || file === own) continue;
    const path = join(folder, file);
    const identity = readIdentity(path, file, name);
    if (identity === undefined) continue;
    if (isAlive(identity)) return identity;
    rmSync(path, { force: true });
  }
  return undefined;
}

/**
 * A file just made may be empty still; its name tells the pid, and that is enough to wait for it.
 * @param {string} path
 * @param {string} file
 * @param {string} name
 * @returns {ProcessIdentity | undefined}
 */
function readIdentity(path, file, name) {
  try {
    const text = readFileSync(path, "utf8");
    if (text !== "") return JSON.parse(text);
    const pid = Number(file.slice(name.length + 1).split("-")[0]);
    return { pid, startedAt: startTimeOf(pid) ?? "gone" };
  } catch {
    // Removed since it was listed: its holder is gone.
    return undefined;
  }
}
