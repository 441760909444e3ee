// A host in a process of its own: what the process runs.
import type { HostSetting, ToHost } from "../protocol/messages.js";
import { runHost } from "./run-host.js";

type Batch = readonly ToHost[];
const SETTING_AT = 2;

// Ctrl+C reaches every process of the terminal: the node decides when its host ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

const exit = process.exit.bind(process);
let listener: (batch: Batch) => void = () => undefined;
let onOrphaned = (): void => undefined;
process.on("message", (batch: Batch) => listener(batch));
process.on("disconnect", () => {
  onOrphaned();
  exit(1);
});
if (!process.connected) exit(1);

const userModule = process.argv[SETTING_AT] ?? "";
const setting: HostSetting = { userModule, cell: undefined };
const host = await runHost(setting, {
  send: (batch) => {
    process.send?.(batch);
  },
  onBatch: (taker) => {
    listener = taker;
  },
  // What waits in the pipe is read in a turn of the event loop alone.
  readNow: () => undefined,
});
onOrphaned = () => host?.orphaned();
