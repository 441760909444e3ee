// What can be done to a mesh of processes. Each fault heals by itself: `up` starts anew what was
// killed, and what was frozen goes on.
import { rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Prng } from "../simulation/prng.js";
import type { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";
import type { Frozen } from "./journal-check.js";

export const FAULTS = [
  "kill-node",
  "kill-leader",
  "freeze-node",
  "freeze-leader",
  "kill-gateway",
  "cut-link",
  "isolate-node",
  "kill-redis",
  "freeze-redis",
  "flush-redis",
  "wipe-redis",
] as const;
export type Fault = (typeof FAULTS)[number];

/** Faults after which Redis may lack what it had: the ends of tasks that it alone knew. */
export const LOSING: ReadonlySet<Fault> = new Set(["kill-redis", "flush-redis", "wipe-redis"]);

const FREEZE_MS = { min: 500, max: 6_000 };
const CUT_MS = { min: 500, max: 5_000 };

/** Thrown where the mesh did not let itself be hurt, so that a run would show nothing. */
export class FaultRefused extends Error {
  override readonly name = "FaultRefused";
}

export class Hurting {
  readonly frozen: Frozen[] = [];
  readonly killedNs = new Map<number, bigint>();
  readonly done: Record<string, number> = {};

  constructor(
    private readonly mesh: MeshProcess,
    private readonly nodes: readonly string[],
    private readonly random: Prng,
  ) {}

  /** Does it, and resolves when it has healed as far as it does by itself. */
  async hurt(fault: Fault): Promise<void> {
    this.done[fault] = (this.done[fault] ?? 0) + 1;
    switch (fault) {
      case "kill-node":
        return this.#kill(this.mesh.nodePid(this.#someNode()));
      case "kill-leader":
        return this.#kill(this.mesh.nodePid(await this.mesh.leaderId()));
      case "freeze-node":
        return this.#freeze(this.mesh.nodePid(this.#someNode()));
      case "freeze-leader":
        return this.#freeze(this.mesh.nodePid(await this.mesh.leaderId()));
      case "kill-gateway":
        return this.#kill(this.mesh.gatewayPid());
      case "kill-redis":
        return this.#kill(this.mesh.redis().pid);
      case "freeze-redis":
        return this.#freeze(this.mesh.redis().pid);
      case "flush-redis":
        return this.#flush();
      case "wipe-redis":
        // The files of a process that runs go on to exist for it alone.
        for (const name of ["appendonlydir", "dump.rdb"]) {
          const file = path.join(this.mesh.dataDir, "redis", name);
          rmSync(file, { recursive: true, force: true, maxRetries: 5 });
        }
        return this.#kill(this.mesh.redis().pid);
      case "cut-link": {
        const own = this.#someNode();
        const others = this.nodes.filter((other) => other !== own);
        return this.#cut([[own, others[this.random.below(others.length)] ?? own]]);
      }
      case "isolate-node": {
        const own = this.#someNode();
        const others = this.nodes.filter((other) => other !== own);
        return this.#cut(others.map((other) => [own, other]));
      }
    }
  }

  #someNode(): string {
    return this.nodes[this.random.below(this.nodes.length)] ?? "";
  }

  #kill(pid: number): Promise<void> {
    process.kill(pid, "SIGKILL");
    this.killedNs.set(pid, process.hrtime.bigint());
    return Promise.resolve();
  }

  async #freeze(pid: number): Promise<void> {
    const fromNs = process.hrtime.bigint();
    process.kill(pid, "SIGSTOP");
    await pause(this.random.between(FREEZE_MS.min, FREEZE_MS.max));
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It was killed while it was frozen.
    }
    // What it does first when it goes on belongs to the time of its freezing.
    this.frozen.push({ pid, fromNs, toNs: process.hrtime.bigint() + 200_000_000n });
  }

  async #flush(): Promise<void> {
    const redis = new Redis(this.mesh.redis().url, { lazyConnect: true, maxRetriesPerRequest: 0 });
    redis.on("error", () => undefined);
    try {
      await redis.connect();
      await redis.flushall();
    } catch {
      // It is down already.
    } finally {
      redis.disconnect();
    }
  }

  async #cut(pairs: readonly (readonly [string, string])[]): Promise<void> {
    const forMs = this.random.between(CUT_MS.min, CUT_MS.max);
    const rule = { both: true, cut: true, forMs };
    for (const [from, to] of pairs) await this.#impair({ from, to, ...rule });
    await pause(forMs);
  }

  /** A gateway that was just killed is waited for; a refusal would leave the fault undone unseen. */
  async #impair(rule: Readonly<Record<string, unknown>>): Promise<void> {
    const call = () => this.mesh.http.call("PUT", "/chaos/links", rule);
    const { status, body } = await waitFor("a gateway takes the rule", async () => {
      const answer = await call();
      return answer.status !== 503 && answer;
    });
    if (status === 200) return;
    throw new FaultRefused(`PUT /chaos/links: ${status} ${JSON.stringify(body)}`);
  }
}
