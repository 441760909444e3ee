// Puts a link under the connections to Redis: a connector for ioredis that dials through it.
import { AbstractConnector } from "ioredis";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { asSocket, LinkedSocket, type LinkEnds } from "./linked-socket.js";

/** What ioredis hands a connector of its options. */
interface RedisEndpoint {
  readonly host?: string;
  readonly port?: number;
  readonly family?: number;
  readonly tls?: ConnectionOptions;
  readonly disconnectTimeout: number;
}

export type RedisConnectorClass = new (endpoint: unknown) => AbstractConnector;

/** The class to give ioredis as `Connector`. */
export function redisConnector(ends: LinkEnds): RedisConnectorClass {
  return class LinkedRedisConnector extends AbstractConnector {
    readonly #endpoint: RedisEndpoint;

    constructor(endpoint: unknown) {
      const known = endpoint as RedisEndpoint;
      super(known.disconnectTimeout);
      this.#endpoint = known;
    }

    override connect(): Promise<Socket> {
      this.connecting = true;
      const { tls, host = "localhost", port = 6_379, family = 0 } = this.#endpoint;
      const linked = LinkedSocket.dial(() => connectTcp({ host, port, family }), ends);
      this.stream = tls === undefined ? asSocket(linked) : secured(linked, host, tls);
      this.stream.once("error", (error: Error) => (this.firstError = error));
      return Promise.resolve(this.stream);
    }
  };
}

function secured(linked: LinkedSocket, host: string, tls: ConnectionOptions): Socket {
  return connectTls({ servername: host, ...tls, socket: linked });
}
