// What can be done to a mesh of processes. Each fault heals by itself: `up` starts anew what was
// killed, and what was frozen goes on.
import { setTimeout as pause } from "node:timers/promises";
import { REDIS_PEER } from "../../src/links/link-rule.js";
import type { Prng } from "../simulation/prng.js";
import type { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";
import type { Frozen } from "./journal-check.js";
import {
  FREEZE_MS,
  GROUP_FAULTS,
  pauseWithin,
  REDIS_FAULTS,
  type TorturedRedis,
} from "./redis-faults.js";

export const FAULTS = [
  "kill-node",
  "kill-leader",
  "freeze-node",
  "freeze-leader",
  "kill-gateway",
  "cut-link",
  "isolate-node",
  "cut-redis",
  ...REDIS_FAULTS,
  ...GROUP_FAULTS,
] as const;
export type Fault = (typeof FAULTS)[number];

const CUT_MS = { min: 500, max: 5_000 };

/** Thrown where the mesh did not let itself be hurt, so that a run would show nothing. */
export class FaultRefused extends Error {
  override readonly name = "FaultRefused";
}

export class Hurting {
  readonly #mesh: MeshProcess;
  readonly #redis: TorturedRedis;
  readonly #random: Prng;
  readonly frozen: Frozen[] = [];
  readonly killedNs = new Map<number, bigint>();
  readonly done: Record<string, number> = {};
  /** Redis may lack what it had: the ends of tasks that it alone knew. */
  redisLost = false;

  constructor(mesh: MeshProcess, redis: TorturedRedis, random: Prng) {
    this.#mesh = mesh;
    this.#redis = redis;
    this.#random = random;
  }

  /** Does it, and resolves when it has healed as far as it does by itself. */
  async hurt(fault: Fault): Promise<void> {
    this.done[fault] = (this.done[fault] ?? 0) + 1;
    switch (fault) {
      case "kill-node":
        return this.#kill(this.#mesh.nodePid(this.#someNode()));
      case "kill-leader":
        return this.#kill(this.#mesh.nodePid(await this.#mesh.leaderId()));
      case "freeze-node":
        return this.#freeze(this.#mesh.nodePid(this.#someNode()));
      case "freeze-leader":
        return this.#freeze(this.#mesh.nodePid(await this.#mesh.leaderId()));
      case "kill-gateway":
        return this.#kill(this.#mesh.gatewayPid());
      case "cut-link": {
        const own = this.#someNode();
        const others = this.#mesh.nodeIds.filter((other) => other !== own);
        return this.#cut([[own, others[this.#random.below(others.length)] ?? own]]);
      }
      case "isolate-node": {
        const own = this.#someNode();
        const others = this.#mesh.nodeIds.filter((other) => other !== own);
        return this.#cut(others.map((other) => [own, other]));
      }
      case "cut-redis":
        return this.#cut([[this.#someNode(), REDIS_PEER]]);
      default:
        this.redisLost ||= this.#redis.mayLose(fault);
        return this.#redis.hurt(fault);
    }
  }

  #someNode(): string {
    return this.#mesh.nodeIds[this.#random.below(this.#mesh.nodeIds.length)] ?? "";
  }

  #kill(pid: number): Promise<void> {
    process.kill(pid, "SIGKILL");
    this.killedNs.set(pid, process.hrtime.bigint());
    return Promise.resolve();
  }

  async #freeze(pid: number): Promise<void> {
    const fromNs = process.hrtime.bigint();
    process.kill(pid, "SIGSTOP");
    await pauseWithin(this.#random, FREEZE_MS);
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It was killed while it was frozen.
    }
    // What it does first when it goes on belongs to the time of its freezing.
    this.frozen.push({ pid, fromNs, toNs: process.hrtime.bigint() + 200_000_000n });
  }

  async #cut(pairs: readonly (readonly [string, string])[]): Promise<void> {
    const forMs = this.#random.between(CUT_MS.min, CUT_MS.max);
    const rule = { both: true, cut: true, forMs };
    for (const [from, to] of pairs) await this.#impair({ from, to, ...rule });
    await pause(forMs);
  }

  /** A gateway that was just killed is waited for; a refusal would leave the fault undone unseen. */
  async #impair(rule: Readonly<Record<string, unknown>>): Promise<void> {
    const call = () => this.#mesh.http.call("PUT", "/chaos/links", rule);
    const { status, body } = await waitFor("a gateway takes the rule", async () => {
      const answer = await call();
      return answer.status !== 503 && answer;
    });
    if (status === 200) return;
    throw new FaultRefused(`PUT /chaos/links: ${status} ${JSON.stringify(body)}`);
  }
}
