// Who holds a data folder: a process, told from a later one with its pid, from one in another
// container and from one on another host; and what can be known of it from here.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode } from "./errors.js";

export interface Holder {
  readonly pid: number;
  /** In ticks since the boot; empty on systems without /proc, like the next two. */
  readonly startTime: string;
  readonly bootId: string;
  /** Pids mean something within one alone: each container has its own. */
  readonly pidNamespace: string;
  readonly host: string;
  /** It held the kernel's lock, too. */
  readonly hasKernelLock: boolean;
}

/** "unknown": only time can tell, by whether it goes on renewing its lock. */
export type Standing = "lives" | "dead" | "unknown";

/** This process. */
export function ownHolder(hasKernelLock: boolean): Holder {
  const { pid } = process;
  const startTime = startTimeOf(pid) ?? "";
  return { pid, startTime, ...ownPlace(), hasKernelLock };
}

/** Undefined for what no holder wrote, or not to the end. */
export function parseHolder(text: string): Holder | undefined {
  let fields: Partial<Record<keyof Holder, unknown>> | null;
  try {
    fields = JSON.parse(text) as typeof fields;
  } catch {
    return undefined;
  }
  const { pid, startTime, bootId, pidNamespace, host, hasKernelLock } = fields ?? {};
  if (
    typeof pid !== "number" ||
    typeof startTime !== "string" ||
    typeof bootId !== "string" ||
    typeof pidNamespace !== "string" ||
    typeof host !== "string" ||
    typeof hasKernelLock !== "boolean"
  ) {
    return undefined;
  }
  return { pid, startTime, bootId, pidNamespace, host, hasKernelLock };
}

/** What is known of a holder at once. `isKernelLockOurs`: the kernel gave this process its lock. */
export function standingOf(holder: Holder, isKernelLockOurs: boolean): Standing {
  const own = ownPlace();
  const isSameKernel = own.bootId !== "" && holder.bootId === own.bootId;
  // One kernel gives its lock to one of them: the other one has let go of it, and so has ended.
  if (isSameKernel && holder.hasKernelLock && isKernelLockOurs) return "dead";
  const isSameHost = isSameKernel || (holder.bootId === own.bootId && holder.host === own.host);
  if (!isSameHost || holder.pidNamespace !== own.pidNamespace) return "unknown";
  if (!isRunning(holder.pid)) return "dead";
  const startTime = startTimeOf(holder.pid);
  return startTime === undefined || startTime === holder.startTime ? "lives" : "dead";
}

/** For the message that refuses another process. */
export function describeHolder(holder: Holder | undefined): string {
  if (holder === undefined) return "another process";
  const own = ownPlace();
  const who = `process ${holder.pid}`;
  if (holder.host !== own.host) return `${who} on host ${holder.host}`;
  if (holder.bootId !== own.bootId) return `${who} on another host of the name ${holder.host}`;
  return holder.pidNamespace === own.pidNamespace ? who : `${who} in another container`;
}

function ownPlace(): Pick<Holder, "bootId" | "pidNamespace" | "host"> {
  return {
    bootId: readOr(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1")).trim(),
    pidNamespace: readOr(() => readlinkSync("/proc/self/ns/pid")),
    host: hostname(),
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Undefined on systems without /proc, and for a process that is not there. */
function startTimeOf(pid: number): string | undefined {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  // The name in field 2 may hold blanks and brackets; field 22 is counted from behind it (proc(5)).
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function readOr(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
