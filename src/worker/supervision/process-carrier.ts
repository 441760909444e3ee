// A host in a process of its own: for code that may bring a whole process down, or must have it for
// itself.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromHost, ToHost } from "../protocol/messages.js";
import type { HostEnd, OpenCarrier } from "./carrier.js";

/** What the process runs: compiled, as the node is when it is started well. */
const HOST_FILE = fileURLToPath(
  new URL("../../../dist/worker/host/host-process.js", import.meta.url),
);

/** @param heapMb bound of its JavaScript heap */
export function processCarrier(heapMb: number): OpenCarrier {
  return ({ userModule }, listener) => {
    const flags = process.execArgv.filter((flag) => !flag.startsWith("--inspect"));
    const child = fork(HOST_FILE, [userModule], {
      execArgv: [...flags, `--max-old-space-size=${heapMb}`],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    let ended = false;
    const end = (how: HostEnd): void => {
      if (ended) return;
      ended = true;
      listener.end(how);
    };
    child.on("message", (batch) => listener.batch(batch as readonly FromHost[]));
    child.on("error", (error) => end({ kind: "failed", error }));
    // Only then everything it said has been read.
    child.on("close", (code, signal) => end(endOf(code, signal)));
    return {
      send: (batch: readonly ToHost[]) => {
        // What finds no channel any more finds the end of its process next.
        if (child.connected) child.send([...batch], () => undefined);
      },
      terminate: () => void child.kill("SIGKILL"),
    };
  };
}

function endOf(code: number | null, signal: NodeJS.Signals | null): HostEnd {
  if (signal === null) {
    return { kind: "exited", how: `its process ended with exit code ${code ?? "unknown"}` };
  }
  // V8 aborts a process whose heap is full.
  if (signal === "SIGABRT") return { kind: "out-of-memory" };
  return { kind: "exited", how: `its process was ended by ${signal}` };
}
