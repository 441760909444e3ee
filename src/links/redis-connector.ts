// Puts a link under the connections to Redis: a connector for ioredis that dials through it. Where
// sentinels say which server that is, they are asked past the link.
import { AbstractConnector, SentinelConnector } from "ioredis";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { asSocket, LinkedSocket, type LinkEnds } from "./linked-socket.js";

/** What ioredis hands a connector of its options. */
interface RedisTarget {
  readonly host?: string;
  readonly port?: number;
  readonly family?: number;
  readonly tls?: ConnectionOptions;
  readonly sentinels?: { readonly host: string; readonly port: number }[] | null;
  readonly disconnectTimeout: number;
}

type Emitter = Parameters<SentinelConnector["connect"]>[0];

export type RedisConnectorClass = new (target: unknown) => AbstractConnector;

/** The class to give ioredis as `Connector`. */
export function redisConnector(ends: LinkEnds): RedisConnectorClass {
  return class LinkedRedisConnector extends AbstractConnector {
    readonly #target: RedisTarget;
    readonly #sentinels: SentinelConnector | undefined;

    constructor(target: unknown) {
      const known = target as RedisTarget;
      super(known.disconnectTimeout);
      this.#target = known;
      const { sentinels } = known;
      this.#sentinels = sentinels ? new SentinelConnector({ ...known, sentinels }) : undefined;
    }

    override async connect(emitter: Emitter): Promise<Socket> {
      this.connecting = true;
      this.stream = await this.#dial(emitter);
      this.stream.once("error", (error: Error) => (this.firstError = error));
      return this.stream;
    }

    /** A server that is no primary is none to talk to. */
    override check(info: Parameters<SentinelConnector["check"]>[0]): boolean {
      return this.#sentinels?.check(info) ?? true;
    }

    override disconnect(): void {
      super.disconnect();
      this.#sentinels?.disconnect();
    }

    async #dial(emitter: Emitter): Promise<Socket> {
      if (this.#sentinels !== undefined) {
        const found = await this.#sentinels.connect(emitter);
        return asSocket(LinkedSocket.dial(() => found, ends));
      }
      const { tls, host = "localhost", port = 6_379, family = 0 } = this.#target;
      const linked = LinkedSocket.dial(() => connectTcp({ host, port, family }), ends);
      return tls === undefined ? asSocket(linked) : secured(linked, host, tls);
    }
  };
}

function secured(linked: LinkedSocket, host: string, tls: ConnectionOptions): Socket {
  return connectTls({ servername: host, ...tls, socket: linked });
}
