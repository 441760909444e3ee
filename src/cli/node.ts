// `taskmesh node`: one node of the mesh, in this process.
import type { Command } from "commander";
import type { Override } from "../config/environment.js";
import { logField } from "../telemetry/fields.js";
import { baseCommand, type CommonOptions, configOf, integer } from "./context.js";
import { ExitError, exitCode } from "./exit.js";
import { host } from "./hosted.js";
import { stopBounds } from "./stop-bounds.js";

interface NodeOptions extends CommonOptions {
  readonly id?: string;
  readonly port?: number;
}

const NO_ID = "a node needs a name that no other has: --id n4, TASKMESH_NODE_ID or nodes.id";

/** The command `node`. */
export function nodeCommand(): Command {
  return baseCommand("node", "run one node of the mesh")
    .option("--id <id>", "name of the node, such as n4 (default: TASKMESH_NODE_ID or nodes.id)")
    .option(
      "--port <port>",
      "gRPC port to listen on (default: TASKMESH_GRPC_PORT or nodes.grpcPort)",
      integer("--port", 1, 65_535),
    )
    .action(async (options: NodeOptions) => {
      const { config } = configOf(options, flagsOf(options));
      const { id, grpcPort: port } = config.nodes;
      if (id === undefined) throw new ExitError(NO_ID, exitCode.usage);
      const fields = { [logField.component]: "node", [logField.nodeId]: id };
      // Loaded here: the client commands need none of it.
      const { createLogger } = await import("../telemetry/logger.js");
      const { startNode } = await import("../mesh/node/node.js");
      const logger = createLogger({ log: config.log, fields });
      await host({
        start: () => startNode({ config, id, port, logger }),
        logger,
        stopTimeoutMs: stopBounds(config).nodeMs,
      });
    });
}

function flagsOf({ id, port }: NodeOptions): Override[] {
  const flags: Override[] = [];
  if (id !== undefined) flags.push({ variable: "--id", path: ["nodes", "id"], value: id });
  if (port !== undefined) {
    flags.push({ variable: "--port", path: ["nodes", "grpcPort"], value: port });
  }
  return flags;
}
