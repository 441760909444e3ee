// Sets a host going in this thread or process: watches for what would end it, loads the user's module,
// says which types it has, and takes work.
import { getPriority, setPriority } from "node:os";
import { UserModuleError } from "../errors.js";
import type { TaskType } from "../handler.js";
import { describeThrown } from "../outcome.js";
import type { HostSetting } from "../protocol/messages.js";
import { SharedCell } from "../protocol/shared-cell.js";
import { loadUserTypes } from "../user-module.js";
import type { HostChannel } from "./channel.js";
import { HandlerHost } from "./handler-host.js";
import { OutputCapture } from "./output-capture.js";

/** How much nicer a host is than the node's own thread, which holds leases and votes. */
const NICER = 5;
const NICEST = 19;

/** @returns the host, once its module is loaded; undefined where it cannot be */
export async function runHost(
  { userModule, cell }: HostSetting,
  channel: HostChannel,
): Promise<HandlerHost | undefined> {
  // Linux alone keeps a priority for each thread; elsewhere this would slow the whole node down.
  if (process.platform === "linux") setPriority(Math.min(NICEST, getPriority() + NICER));
  const types = new Map<string, TaskType>();
  const exit = process.exit.bind(process);
  const host = new HandlerHost({
    channel,
    handlers: types,
    cell: cell && new SharedCell(cell),
    exit: () => exit(0),
  });
  watchForTheEnd(host, exit);
  new OutputCapture((stream, text) => {
    host.say({ kind: "printed", number: host.current, stream, text });
  });
  try {
    for (const [name, type] of await loadUserTypes(userModule)) types.set(name, type);
  } catch (error) {
    host.say(refusalOf(error));
    host.flush();
    return undefined;
  }
  const hosted = [...types].map(([name, { thread }]) => ({ name, thread }));
  host.say({ kind: "hello", types: hosted });
  return host;
}

/** What was said is not to be lost, nor whose fault the end is. */
function watchForTheEnd(host: HandlerHost, exit: (code?: number | string | null) => never): void {
  process.on("uncaughtException", (error: unknown, origin) => {
    const how =
      origin === "unhandledRejection"
        ? "rejected a promise that nobody awaits or catches"
        : "threw an error that nobody catches";
    host.fall(how, { error });
    exit(1);
  });
  process.exit = (code) => {
    host.fall(`called process.exit(${code === undefined || code === null ? "" : code})`);
    return exit(code);
  };
}

function refusalOf(error: unknown) {
  if (error instanceof UserModuleError) {
    const { code, reason, type } = error;
    return { kind: "refused", code, message: reason, type } as const;
  }
  const message = `failed to load: ${describeThrown(error)}`;
  return { kind: "refused", code: "failed_to_load", message, type: undefined } as const;
}
