// Hurts a group of Redis servers: whoever is its primary at the time. What was ended is started again
// as it was, with its data: a primary by its own account, until the sentinels teach it better.
import { configSchema } from "../../src/config/schema.js";
import type { Prng } from "../simulation/prng.js";
import type { RedisGroup } from "../support/redis-group.js";
import type { RedisServer } from "../support/redis-server.js";
import { standingOf } from "../support/redis-standing.js";
import { waitFor } from "../support/wait-for.js";
import {
  type Failovers,
  flush,
  FREEZE_MS,
  pauseWithin,
  type RedisFault,
  type TorturedRedis,
} from "./redis-faults.js";

/** How often, and for how long, a replica is cut off before it has to take over. */
const LAG_CHANCE = 0.75;
const LAG_MS = { min: 50, max: 2_000 };
/** How long a server stays down; past about a second another has taken its place. */
const DOWN_MS = { min: 0, max: 1_500 };
/** How long the old primary is away when there is a new one. */
const AWAY_MS = { min: 0, max: 2_000 };

/** Name of the mesh, which is in the keys. */
const MESH = configSchema.parse({}).mesh;

export class GroupRedis implements TorturedRedis {
  readonly #group: RedisGroup;
  readonly #random: Prng;
  #compared = 0;
  #lacking = 0;
  #mostLacking = 0;

  constructor(group: RedisGroup, random: Prng) {
    this.#group = group;
    this.#random = random;
  }

  async hurt(fault: RedisFault): Promise<void> {
    // Who is nobody's replica cannot take over, and who does not follow must not.
    await this.#group.whole();
    const primary = await this.#group.primary();
    switch (fault) {
      case "kill-redis":
        await primary.kill();
        await pauseWithin(this.#random, DOWN_MS);
        return primary.restart();
      case "freeze-redis":
        primary.freeze();
        await pauseWithin(this.#random, FREEZE_MS);
        primary.thaw();
        return;
      case "flush-redis":
        return flush(primary.url);
      case "wipe-redis":
        await primary.kill();
        await pauseWithin(this.#random, DOWN_MS);
        return primary.loseAll();
      case "fail-over-redis":
        return this.#failOver(primary);
      case "promote-replica":
        await this.#group.promote();
        return this.#group.promoted(this.#group.otherThan(primary));
      case "stale-primary":
        return this.#leaveBehind(primary);
    }
  }

  /** One that is frozen for long has lost its place meanwhile. */
  mayLose(): boolean {
    return true;
  }

  whole(): Promise<void> {
    return this.#group.whole();
  }

  async failovers(): Promise<Failovers> {
    const [compared, lacking, mostLacking] = [this.#compared, this.#lacking, this.#mostLacking];
    return { promotions: await this.#group.promotions(), compared, lacking, mostLacking };
  }

  async #failOver(primary: RedisServer): Promise<void> {
    const replica = this.#group.otherThan(primary);
    let appliedIndex = 0;
    await this.#withReplicaBehind(replica, async () => {
      // It may apply more before it ends: at least so much.
      ({ appliedIndex } = await standingOf(primary, MESH));
      await primary.kill();
    });
    await this.#compare(appliedIndex, replica);
    await this.#group.promoted(replica);
    await pauseWithin(this.#random, AWAY_MS);
    await primary.restart();
  }

  /** It goes on where it was, with whatever it had been sent, and takes itself for the primary. */
  async #leaveBehind(primary: RedisServer): Promise<void> {
    const replica = this.#group.otherThan(primary);
    await this.#withReplicaBehind(replica, () => primary.freeze());
    try {
      await this.#group.promoted(replica);
      await pauseWithin(this.#random, AWAY_MS);
    } finally {
      primary.thaw();
    }
  }

  /** Ends the primary when the replica has missed, most of the time, what it wrote last. */
  async #withReplicaBehind(replica: RedisServer, end: () => Promise<void> | void): Promise<void> {
    try {
      if (this.#random.chance(LAG_CHANCE)) {
        await this.#group.detachReplica();
        await pauseWithin(this.#random, LAG_MS);
      }
      await end();
    } finally {
      replica.thaw();
    }
  }

  /** Whose primary is dead is written to again when it has been promoted: until then it tells what it has. */
  async #compare(appliedIndex: number, replica: RedisServer): Promise<void> {
    const found = await waitFor("the replica has read all that it was sent", async () => {
      const standing = await standingOf(replica, MESH);
      return standing.link !== "connected" && standing;
    });
    if (found.role === "master") return;
    this.#compared += 1;
    if (found.appliedIndex >= appliedIndex) return;
    this.#lacking += 1;
    this.#mostLacking = Math.max(this.#mostLacking, appliedIndex - found.appliedIndex);
  }
}
