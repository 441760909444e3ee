// Where a node says that it is reached.
import type { Config } from "../../config/schema.js";
import { joinHostPort } from "../../input/host-port.js";

/**
 * host:port for the other nodes and the gateway: where it listens, unless `nodes.advertise` says otherwise.
 * @param port that it listens on
 */
export function advertisedAddress({ nodes }: Pick<Config, "nodes">, port: number): string {
  const { host, advertise } = nodes;
  return joinHostPort(advertise.host ?? host, advertise.port ?? port);
}
