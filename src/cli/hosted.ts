// Runs a node or a gateway as a process: starts it, tells `up` over IPC how that went, and stops it
// once, within a bound, when asked to or when the parent is gone.
import { logField } from "../telemetry/fields.js";
import type { Logger } from "../telemetry/logger.js";
import type { ChildMessage } from "./child-message.js";
import { exitLineOf, reasonLineOf } from "./exit.js";

/** Something that runs until it is stopped. */
export interface Running {
  stop(): Promise<void>;
}

export interface HostOptions {
  readonly start: () => Promise<Running>;
  readonly logger: Logger;
  /** Bound of a stop; past it the process ends anyhow. */
  readonly stopTimeoutMs: number;
}

/** Starts it and returns once it runs; the process ends when it has been told to. */
export async function host(options: HostOptions): Promise<void> {
  const { logger } = options;
  const supervised = process.send !== undefined;
  // The parent may have gone while this process loaded its code, before anybody listened.
  if (supervised && !process.connected) process.exit(0);
  process.on("uncaughtException", (error) => {
    const line = exitLineOf(error) ?? "stopped by an error that nobody handles";
    logger.fatal({ [logField.error]: error }, line);
    void tell({ kind: "failed", exitLine: reasonLineOf(error) }).then(() => process.exit(1));
  });
  const stopRequested = new Promise<string>((resolve) => {
    process.on("SIGTERM", () => resolve("SIGTERM"));
    process.on("disconnect", () => resolve("the parent process is gone"));
    // Ctrl+C reaches every process of the terminal; under `up`, `up` decides what it means.
    process.on("SIGINT", () => {
      if (!supervised) resolve("SIGINT");
    });
  });
  let running: Running;
  try {
    const started = options.start();
    const first = await Promise.race([started, stopRequested.then(() => undefined)]);
    // Told to stop while it starts: there is nothing yet that could be stopped well.
    if (first === undefined) process.exit(0);
    running = first;
  } catch (error) {
    await tell({ kind: "failed", exitLine: reasonLineOf(error) });
    // Under `up`, `up` is the one that prints the line.
    if (supervised) process.exit(1);
    throw error;
  }
  await tell({ kind: "started" });
  const reason = await stopRequested;
  logger.info({ reason }, "stopping");
  setTimeout(() => {
    logger.error("did not stop in time; ending anyhow");
    process.exit(1);
  }, options.stopTimeoutMs).unref();
  await running.stop();
  process.exit(0);
}

function tell(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}
