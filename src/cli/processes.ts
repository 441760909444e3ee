// Other processes of this machine, where /proc tells: who listens on a port, and who is left of a mesh.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";

/** A process as the system has it. */
export interface OtherProcess {
  readonly pid: number;
  /** Program and arguments. */
  readonly command: readonly string[];
}

const LISTENING = "0A";
/** What `up` runs in processes of its own, and by which script. */
const ENTRY_SCRIPT = "child.js";
const PARTS_OF_MESH: readonly string[] = ["node", "gateway"];

/** Who listens on a port; undefined where the system does not tell, as for processes of other users. */
export function listenerOn(port: number): OtherProcess | undefined {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => socketsListeningOn(port, table)));
  if (sockets.size === 0) return undefined;
  return allProcesses().find(({ pid }) => {
    const folder = `/proc/${pid}/fd`;
    return entriesOf(folder).some((fd) => sockets.has(linkTarget(path.join(folder, fd))));
  });
}

/** Nodes and gateways that an `up` started for this data folder. */
export function processesOfMesh(dataDir: string): readonly OtherProcess[] {
  return allProcesses().filter(({ pid, command }) => {
    const script = command.findIndex((part) => path.basename(part) === ENTRY_SCRIPT);
    const part = script < 0 ? undefined : command[script + 1];
    if (part === undefined || !PARTS_OF_MESH.includes(part)) return false;
    return textOf(`/proc/${pid}/environ`).split("\0").includes(`TASKMESH_DATA=${dataDir}`);
  });
}

/** How a process is named to people. */
export function processLine({ pid, command }: OtherProcess): string {
  return `pid ${pid} (${command.join(" ")})`;
}

/** proc(5), /proc/net/tcp: address and port in hexadecimal, state, and the inode of the socket. */
function socketsListeningOn(port: number, table: string): string[] {
  const [, ...rows] = textOf(`/proc/net/${table}`).trim().split("\n");
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  return rows.flatMap((row) => {
    const fields = row.trim().split(/\s+/);
    const isListener = fields[1]?.endsWith(`:${hexPort}`) === true && fields[3] === LISTENING;
    return isListener ? [`socket:[${fields[9] ?? ""}]`] : [];
  });
}

function allProcesses(): OtherProcess[] {
  const pids = entriesOf("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const command = textOf(`/proc/${pid}/cmdline`)
      .split("\0")
      .filter((part) => part !== "");
    return command.length === 0 ? [] : [{ pid: Number(pid), command }];
  });
}

/** Empty where there is none, or none that this process may read: it may have ended a moment ago. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkTarget(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}
