// A primary, its replica and three sentinels that make the replica the primary when the other is gone.
import { RedisServer } from "./redis-server.js";
import { waitFor } from "./wait-for.js";

const NAME = "tasks";
const SENTINELS = 3;
const QUORUM = 2;
const DOWN_AFTER_MS = 500;
const FAILOVER_TIMEOUT_MS = 5_000;

export class RedisGroup {
  private constructor(
    /** The first primary. */
    readonly first: RedisServer,
    /** The first replica. */
    readonly second: RedisServer,
    private readonly sentinels: readonly RedisServer[],
    private readonly password: string | undefined,
  ) {}

  /** Resolves when every sentinel knows the others and the replica. */
  static async start(password?: string): Promise<RedisGroup> {
    const secret = password === undefined ? {} : { password };
    const master = password === undefined ? [] : ["--masterauth", password];
    const first = await RedisServer.start({ appendOnly: true, args: master, ...secret });
    const replica = ["--replicaof", "127.0.0.1", String(first.port)];
    const second = await RedisServer.start({
      appendOnly: true,
      args: [...master, ...replica],
      ...secret,
    });
    const sentinel = [
      `sentinel monitor ${NAME} 127.0.0.1 ${first.port} ${QUORUM}`,
      `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
    ];
    const sentinels = await Promise.all(
      Array.from({ length: SENTINELS }, () => RedisServer.start({ sentinel })),
    );
    const group = new RedisGroup(first, second, sentinels, password);
    await group.watched();
    return group;
  }

  /** Section `redis` of the configuration. */
  get settings(): Readonly<Record<string, unknown>> {
    const sentinels = this.sentinels.map(({ port }) => `127.0.0.1:${port}`);
    const secret = this.password === undefined ? {} : { password: this.password };
    return { sentinels, name: NAME, ...secret };
  }

  /** The first primary's writes reach the replica no more; it stands still where it is. */
  async detachReplica(): Promise<void> {
    this.second.freeze();
    await this.first.ask((client) => client.call("CLIENT", "KILL", "TYPE", "replica"));
  }

  /** Waits until the sentinels have made the replica the primary. */
  async promoted(): Promise<void> {
    await waitFor("the replica is the primary", async () => {
      const named = await Promise.all(this.sentinels.map((one) => this.primaryBy(one)));
      if (named.some((port) => port !== this.second.port)) return false;
      const [role] = await this.second.ask((client) => client.role());
      return role === "master";
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, this.first, this.second].map((one) => one.stop()));
  }

  private async watched(): Promise<void> {
    await waitFor("the sentinels know one another and the replica", async () => {
      const known = await Promise.all(this.sentinels.map((one) => this.knownBy(one)));
      return known.every(
        ({ sentinels, replicas, linked }) =>
          sentinels === SENTINELS - 1 && replicas === 1 && linked,
      );
    });
  }

  private async knownBy(sentinel: RedisServer) {
    const reply = await sentinel.ask((client) => client.call("SENTINEL", "MASTER", NAME));
    const fields = new Map<string, string>();
    const flat = reply as string[];
    for (let at = 0; at + 1 < flat.length; at += 2) fields.set(flat[at] ?? "", flat[at + 1] ?? "");
    return {
      sentinels: Number(fields.get("num-other-sentinels")),
      replicas: Number(fields.get("num-slaves")),
      linked: fields.get("flags") === "master",
    };
  }

  private async primaryBy(sentinel: RedisServer): Promise<number> {
    const reply = await sentinel.ask((client) =>
      client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME),
    );
    return Number((reply as string[])[1]);
  }
}
