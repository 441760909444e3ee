// Stands between a mesh and its Redis, and breaks connections at the worst of moments: a script was
// sent and done, and its answer is on its way.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { RedisServer } from "./redis-server.js";

const SCRIPT = /EVAL(SHA)?\r\n/;

export class RedisProxy {
  readonly #server: Server;
  readonly #redis: RedisServer;
  /** Answers that were lost so far. */
  lost = 0;
  #toLose = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, redis: RedisServer) {
    this.#server = server;
    this.#redis = redis;
    server.on("connection", (client) => this.#relay(client));
  }

  static async start(redis: RedisServer): Promise<RedisProxy> {
    const server = createServer();
    const proxy = new RedisProxy(server, redis);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("it does not listen");
    return `redis://127.0.0.1:${address.port}`;
  }

  /** The next scripts are done, and the connection breaks in place of their answer. */
  loseAnswers(count: number): void {
    this.#toLose += count;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(client: Socket): void {
    const redis = connect({ host: "127.0.0.1", port: this.#redis.port });
    let scriptUnderWay = false;
    client.on("data", (chunk: Buffer) => {
      scriptUnderWay ||= SCRIPT.test(chunk.toString("latin1"));
      redis.write(chunk);
    });
    redis.on("data", (chunk: Buffer) => {
      if (scriptUnderWay && this.#toLose > 0) {
        this.#toLose -= 1;
        this.lost += 1;
        client.destroy();
        return;
      }
      scriptUnderWay = false;
      client.write(chunk);
    });
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
