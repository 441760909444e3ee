// Two servers of Redis, one the primary and one its replica, and three sentinels that make the replica
// the primary when the other is gone. One that comes back they make the replica of the new primary.
import { RedisServer } from "./redis-server.js";
import { waitFor } from "./wait-for.js";

const NAME = "tasks";
const SENTINELS = 3;
const QUORUM = 2;
const DOWN_AFTER_MS = 500;
const FAILOVER_TIMEOUT_MS = 5_000;
/**
 * How often sentinels look at servers and tell one another: seconds of their own accord. A primary that
 * comes back takes itself for one for four times the last of them.
 */
const PERIODS = ["INFO-PERIOD", 500, "PING-PERIOD", 200, "PUBLISH-PERIOD", 500] as const;
const WHOLE_MS = 60_000;

/** What its servers have, beside what depends on the password. */
const SERVER_ARGS = ["--repl-diskless-sync-delay", "0"];

export class RedisGroup {
  readonly #sentinels: readonly RedisServer[];
  readonly #password: string | undefined;
  private constructor(
    /** The first primary. */
    readonly first: RedisServer,
    /** The first replica. */
    readonly second: RedisServer,
    sentinels: readonly RedisServer[],
    password: string | undefined,
  ) {
    this.#sentinels = sentinels;
    this.#password = password;
  }

  /** Resolves when every sentinel knows the others and the replica. */
  static async start(password?: string): Promise<RedisGroup> {
    const secret = password === undefined ? {} : { password };
    const args = password === undefined ? SERVER_ARGS : [...SERVER_ARGS, "--masterauth", password];
    const options = { appendOnly: true, args, ...secret };
    const [first, second] = await Promise.all([
      RedisServer.start(options),
      RedisServer.start(options),
    ]);
    // Not by an argument: started again it would be the replica of what may be its own by then.
    await second.ask((client) => client.replicaof("127.0.0.1", first.port));
    const sentinel = [
      `sentinel monitor ${NAME} 127.0.0.1 ${first.port} ${QUORUM}`,
      `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
    ];
    const sentinels = await Promise.all(
      Array.from({ length: SENTINELS }, () => RedisServer.start({ sentinel })),
    );
    for (const one of sentinels) await hurry(one);
    const group = new RedisGroup(first, second, sentinels, password);
    try {
      await group.whole();
    } catch (error) {
      await group.stop();
      throw error;
    }
    return group;
  }

  /** Section `redis` of the configuration. */
  get settings(): Readonly<Record<string, unknown>> {
    const sentinels = this.#sentinels.map(({ port }) => `127.0.0.1:${port}`);
    const secret = this.#password === undefined ? {} : { password: this.#password };
    return { sentinels, name: NAME, ...secret };
  }

  /** The server that all sentinels take for the primary. */
  async primary(): Promise<RedisServer> {
    return waitFor("the sentinels agree on a primary", async () => {
      const [port, ...others] = await Promise.all(this.#sentinels.map((one) => primaryBy(one)));
      if (others.some((other) => other !== port)) return false;
      return [this.first, this.second].find((server) => server.port === port);
    });
  }

  otherThan(server: RedisServer): RedisServer {
    return server === this.first ? this.second : this.first;
  }

  /** The primary's writes reach the replica no more; it stands still where it is, until it is thawed. */
  async detachReplica(): Promise<void> {
    const primary = await this.primary();
    this.otherThan(primary).freeze();
    await primary.ask((client) => client.call("CLIENT", "KILL", "TYPE", "replica"));
  }

  /** Asks a sentinel to make the replica the primary, though the primary lives. */
  async promote(): Promise<void> {
    const [sentinel] = this.#sentinels;
    await sentinel?.ask((client) => client.call("SENTINEL", "FAILOVER", NAME));
  }

  /** Waits until the sentinels have made the server the primary. */
  async promoted(server = this.second): Promise<void> {
    await waitFor(
      "the replica is the primary",
      async () => {
        const named = await Promise.all(this.#sentinels.map((one) => primaryBy(one)));
        if (named.some((port) => port !== server.port)) return false;
        const [role] = await server.ask((client) => client.role());
        return role === "master";
      },
      WHOLE_MS,
    );
  }

  /** How often a replica was made the primary, by whatever reason. */
  async promotions(): Promise<number> {
    const known = await Promise.all(this.#sentinels.map((one) => knownBy(one)));
    return Math.max(...known.map(({ epoch }) => epoch));
  }

  /** Waits until one is the primary, the other its replica, and every sentinel knows that and the others. */
  async whole(): Promise<void> {
    await waitFor(
      "the group is whole",
      async () => {
        const known = await Promise.all(this.#sentinels.map((one) => knownBy(one)));
        const primary = await this.primary();
        const [role] = await primary.ask((client) => client.role());
        const [, , port, link] = await this.otherThan(primary).ask((client) => client.role());
        if (role !== "master" || port !== primary.port || link !== "connected") return false;
        return known.every(
          ({ sentinels, roles }) =>
            sentinels === SENTINELS - 1 && roles.join() === "master/master,slave/slave",
        );
      },
      WHOLE_MS,
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sentinels, this.first, this.second].map((one) => one.stop()));
  }
}

/** An older server knows no such command: then all takes some seconds longer. */
async function hurry(sentinel: RedisServer): Promise<void> {
  await sentinel
    .ask((client) => client.call("SENTINEL", "DEBUG", ...PERIODS))
    .catch(() => undefined);
}

async function knownBy(sentinel: RedisServer) {
  const [primary, replicas] = await sentinel.ask((client) =>
    Promise.all([
      client.call("SENTINEL", "MASTER", NAME),
      client.call("SENTINEL", "REPLICAS", NAME),
    ]),
  );
  const fields = fieldsOf(primary);
  return {
    sentinels: Number(fields.get("num-other-sentinels")),
    epoch: Number(fields.get("config-epoch")),
    // What it takes a server for, and what the server has told it last: a sentinel that has yet to hear
    // of a replica that it is one tells it so again, be it the primary by then.
    roles: [fields, ...(replicas as unknown[]).map(fieldsOf)].map(
      (one) => `${one.get("flags")}/${one.get("role-reported")}`,
    ),
  };
}

function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const flat = reply as string[];
  for (let at = 0; at + 1 < flat.length; at += 2) fields.set(flat[at] ?? "", flat[at + 1] ?? "");
  return fields;
}

async function primaryBy(sentinel: RedisServer): Promise<number> {
  const reply = await sentinel.ask((client) =>
    client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME),
  );
  return Number((reply as string[])[1]);
}
