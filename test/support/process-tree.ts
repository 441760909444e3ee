// The processes that one process has started, and theirs.
import { spawnSync } from "node:child_process";

export interface ProcessInfo {
  readonly pid: number;
  readonly command: string;
}

/** Every living descendant of `root`. */
export function descendantsOf(root: number): ProcessInfo[] {
  const ps = spawnSync("ps", ["-A", "-o", "pid=,ppid=,stat=,args="], { encoding: "utf8" });
  const all = ps.stdout.split("\n").flatMap((line) => {
    const [, pid, ppid, state = "", command = ""] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || state.startsWith("Z")
      ? []
      : [{ pid: Number(pid), ppid: Number(ppid), command }];
  });
  const found: ProcessInfo[] = [];
  const parents = [root];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const { pid, ppid, command } of all) {
      if (ppid !== parent) continue;
      found.push({ pid, command });
      parents.push(pid);
    }
  }
  return found;
}
