// Where the parts of a mesh on this machine are, by its configuration.
import type { Config } from "../config/schema.js";

export interface NodePlace {
  readonly id: string;
  readonly port: number;
}

/** The nodes that `up` starts: n1, n2, … on ports that count up. */
export function nodePlaces(config: Config): readonly NodePlace[] {
  return Array.from({ length: config.nodes.count }, (_, index) => ({
    id: `n${index + 1}`,
    port: config.nodes.grpcPort + index,
  }));
}

/** Address under which something that listens on `host` is reached from this machine. */
export function reachableHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

/** Base URL of the gateway from this machine. */
export function gatewayUrl(config: Config): string {
  return `http://${reachableHost(config.gateway.host)}:${config.gateway.port}`;
}
