// A host in a thread of the node's process.
import { Worker } from "node:worker_threads";
import type { FromHost } from "../protocol/messages.js";
import type { HostEnd, OpenCarrier } from "./carrier.js";

/** What the thread runs: compiled, as threads load no TypeScript. */
const HOST_FILE = new URL("../../../dist/worker/host/host-thread.js", import.meta.url);

/** @param heapMb bound of its heap; `--max-old-space-size` of the process wins over it */
export function threadCarrier(heapMb: number): OpenCarrier {
  return (setting, listener) => {
    const thread = new Worker(HOST_FILE, {
      workerData: setting,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    let failure: HostEnd | undefined;
    thread.on("message", (batch: readonly FromHost[]) => listener.batch(batch));
    thread.on("error", (error: unknown) => {
      failure = isOutOfMemory(error) ? { kind: "out-of-memory" } : { kind: "failed", error };
    });
    thread.on("exit", (code) => {
      listener.end(failure ?? { kind: "exited", how: `its thread ended with exit code ${code}` });
    });
    return {
      send: (batch) => thread.postMessage(batch),
      terminate: () => void thread.terminate(),
    };
  };
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "code") === "ERR_WORKER_OUT_OF_MEMORY";
}
