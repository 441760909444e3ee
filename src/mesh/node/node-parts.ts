// What a node is made of, once it belongs to a mesh.
import type { Config } from "../../config/schema.js";
import type { NodeRecord } from "../../discovery/node-record.js";
import type { RegistryWriter } from "../../discovery/registry-writer.js";
import type { Registry } from "../../discovery/registry.js";
import { joinHostPort } from "../../input/host-port.js";
import type { OwnLinks } from "../../links/own-links.js";
import type { Clocks } from "../../queue/log-time/clocks.js";
import type { RaftStorage } from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";
import type { HandlerRegistry } from "../../worker/handler-registry.js";
import type { HostSupervisor } from "../../worker/supervision/host-supervisor.js";
import type { NodeRedis } from "./node-redis.js";

export interface NodeParts {
  readonly config: Config;
  readonly id: string;
  readonly port: number;
  readonly meshId: string;
  /** What the node says of itself. */
  readonly description: Omit<NodeRecord, "meshId" | "draining">;
  readonly handlers: HandlerRegistry;
  /** Where there is a module of the user's. */
  readonly host: HostSupervisor | undefined;
  readonly storage: RaftStorage;
  readonly redis: NodeRedis;
  readonly registry: Registry;
  readonly writer: RegistryWriter;
  /** Where links may be impaired on purpose. */
  readonly links: OwnLinks | undefined;
  readonly clocks: Clocks;
  readonly logger: Logger;
}

/**
 * Where a node is reached, host:port, for the other nodes and the gateway: where it listens, unless `nodes.advertise` says otherwise.
 * @param port that it listens on
 */
export function advertisedAddress({ nodes }: Pick<Config, "nodes">, port: number): string {
  const { host, advertise } = nodes;
  return joinHostPort(advertise.host ?? host, advertise.port ?? port);
}
