// `taskmesh node`: one node of the mesh, in this process.
import type { Command } from "commander";
import { logField } from "../telemetry/fields.js";
import { baseCommand, type CommonOptions, configOf, integer } from "./context.js";
import { host } from "./hosted.js";
import { stopBounds } from "./stop-bounds.js";

interface NodeOptions extends CommonOptions {
  readonly id: string;
  readonly port: number;
}

/** The command `node`. */
export function nodeCommand(): Command {
  return baseCommand("node", "run one node of the mesh")
    .requiredOption("--id <id>", "name of the node, such as n4")
    .requiredOption("--port <port>", "gRPC port to listen on", integer("--port", 1, 65_535))
    .action(async (options: NodeOptions) => {
      const { config } = configOf(options);
      const fields = { [logField.component]: "node", [logField.nodeId]: options.id };
      // Loaded here: the client commands need none of it.
      const { createLogger } = await import("../telemetry/logger.js");
      const { startNode } = await import("../mesh/node/node.js");
      const logger = createLogger({ log: config.log, fields });
      const { id, port } = options;
      await host({
        start: () => startNode({ config, id, port, logger }),
        logger,
        stopTimeoutMs: stopBounds(config).nodeMs,
      });
    });
}
