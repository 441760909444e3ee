// The thread of lifeline.ts: kills its process, which may be too busy to end by itself, some time after
// the other end of the pipe was closed.
import { Socket } from "node:net";
import { workerData } from "node:worker_threads";

const { fd, graceMs } = workerData as { readonly fd: number; readonly graceMs: number };

const pipe = new Socket({ fd, readable: true, writable: false });
pipe.on("error", () => undefined);
pipe.on("close", () => setTimeout(() => process.kill(process.pid, "SIGKILL"), graceMs));
pipe.resume();
