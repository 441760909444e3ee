// `taskmesh up`: its options.
import type { Command } from "commander";
import { baseCommand } from "./context.js";
import type { UpOptions } from "./run-up.js";

/** The command `up`. */
export function upCommand(): Command {
  return baseCommand("up", "start Redis, the nodes and the gateway here, until Ctrl+C")
    .option("--nodes <count>", "nodes to start")
    .option("--data <folder>", "folder for the Raft logs and for Redis")
    .option("--no-restart", "leave a process that dies down")
    .option("--json", "print where everything is as one line of JSON")
    .action(async (options: UpOptions) => {
      // Loaded here: the client commands need none of it.
      const { up } = await import("./run-up.js");
      await up(options);
    });
}
