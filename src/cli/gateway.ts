// `taskmesh gateway`: the HTTP edge of the mesh, in this process.
import type { Command } from "commander";
import { logField } from "../telemetry/fields.js";
import { baseCommand, type CommonOptions, configOf, integer } from "./context.js";
import { host } from "./hosted.js";
import { stopBounds } from "./stop-bounds.js";

interface GatewayOptions extends CommonOptions {
  readonly port?: number;
}

/** The command `gateway`. */
export function gatewayCommand(): Command {
  return baseCommand("gateway", "run a gateway: HTTP for clients, gRPC to the nodes")
    .option("--port <port>", "HTTP port to listen on", integer("--port", 1, 65_535))
    .action(async (options: GatewayOptions) => {
      const { port } = options;
      const flags =
        port === undefined ? [] : [{ variable: "--port", path: ["gateway", "port"], value: port }];
      const { config } = configOf(options, flags);
      // Loaded here: the client commands need none of it.
      const { createLogger } = await import("../telemetry/logger.js");
      const { startGateway } = await import("../gateway/gateway.js");
      const logger = createLogger({
        log: config.log,
        fields: { [logField.component]: "gateway" },
      });
      await host({
        start: () => startGateway({ config, logger }),
        logger,
        stopTimeoutMs: stopBounds(config).gatewayMs,
      });
    });
}
