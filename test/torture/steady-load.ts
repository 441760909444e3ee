// Submissions at a steady rate, whatever happens to the mesh: what was acknowledged is remembered,
// what was not is the caller's loss and may or may not be there.
import { setTimeout as pause } from "node:timers/promises";
import type { Prng } from "../simulation/prng.js";
import type { BatchView, MeshHttp } from "../support/mesh-http.js";

const BATCH_ITEMS = 30;
/** Batches under way; a mesh that answers none is not asked for more. */
const MAX_UNDER_WAY = 20;
const MAX_RUN_MS = 300;

export const QUEUE = "torture";

export class SteadyLoad {
  readonly #http: MeshHttp;
  readonly #random: Prng;
  readonly #perSecond: number;
  readonly acknowledged = new Set<string>();
  /** Refusals by their code, and calls that got no answer. */
  readonly refused: Record<string, number> = {};
  #underWay = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(http: MeshHttp, random: Prng, perSecond: number) {
    this.#http = http;
    this.#random = random;
    this.#perSecond = perSecond;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when every batch under way is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    while (this.#underWay > 0) await pause(10);
  }

  async #run(): Promise<void> {
    const everyMs = (BATCH_ITEMS / this.#perSecond) * 1_000;
    let dueMs = performance.now();
    while (!this.#stopped) {
      dueMs += everyMs;
      if (this.#underWay < MAX_UNDER_WAY) void this.#batch();
      else this.#count("not sent");
      await pause(Math.max(0, dueMs - performance.now()));
    }
  }

  async #batch(): Promise<void> {
    this.#underWay += 1;
    const items = Array.from({ length: BATCH_ITEMS }, () => ({
      type: "hold",
      queue: QUEUE,
      priority: this.#random.below(10),
      data: { ms: this.#random.below(MAX_RUN_MS), failures: this.#random.below(10) === 0 ? 1 : 0 },
      maxAttempts: 20,
      backoff: { type: "fixed", delayMs: 100 },
    }));
    try {
      const { status, body } = await this.#http.call<BatchView>("POST", "/tasks/batch", items);
      if (status !== 200) this.#count(String(status), BATCH_ITEMS);
      for (const { task, error } of status === 200 ? body.results : []) {
        if (task !== undefined) this.acknowledged.add(task.id);
        if (error !== undefined) this.#count(error.code);
      }
    } catch {
      this.#count("no answer", BATCH_ITEMS);
    } finally {
      this.#underWay -= 1;
    }
  }

  #count(what: string, items = 1): void {
    this.refused[what] = (this.refused[what] ?? 0) + items;
  }
}
