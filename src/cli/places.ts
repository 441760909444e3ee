// Where the parts of a mesh on this machine are, by its configuration.
import type { Config } from "../config/schema.js";
import { isWildcard, joinHostPort } from "../input/host-port.js";

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
  if (!isWildcard(host)) return host;
  return host.includes(":") ? "::1" : "127.0.0.1";
}

/** host:port of a node from this machine. */
export function nodeAddress({ nodes }: Config, port: number): string {
  return joinHostPort(reachableHost(nodes.host), port);
}

/** Port at which others reach a node that `up` starts: the advertised ones count up as its own do. */
export function advertisedPort({ nodes }: Config, { port }: NodePlace): number | undefined {
  const { advertise, grpcPort } = nodes;
  return advertise.port === undefined ? undefined : advertise.port + port - grpcPort;
}

/** Base URL of the gateway from this machine. */
export function gatewayUrl(config: Config): string {
  return `http://${joinHostPort(reachableHost(config.gateway.host), config.gateway.port)}`;
}
