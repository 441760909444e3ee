// Where a server of Redis stands: its part in a group, and how far it reflects a mesh's log.
import { parseApplied } from "../../src/queue/redis/applied-value.js";
import { RedisKeys } from "../../src/queue/redis/keys.js";
import type { RedisServer } from "./redis-server.js";

export interface RedisStanding {
  /** "master" or "slave", as it takes itself. */
  readonly role: string;
  /** Whether a replica follows its primary: "connected", or what it does instead. */
  readonly link: string;
  /** Index of the last entry that it reflects; 0 where it has none. */
  readonly appliedIndex: number;
}

/** All of one moment. */
export async function standingOf(redis: RedisServer, mesh: string): Promise<RedisStanding> {
  const { applied } = new RedisKeys(mesh);
  const [role, value] =
    (await redis.ask((client) => client.multi().role().get(applied).exec())) ?? [];
  const [name, , , link = ""] = role?.[1] as [string, string, number, string?];
  const { index } = parseApplied((value?.[1] ?? null) as string | null);
  return { role: name, link, appliedIndex: index };
}
