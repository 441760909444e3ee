// Submits tasks at a steady rate, whatever becomes of the mesh, and remembers how each was answered.
import { setTimeout as sleep } from "node:timers/promises";
import { exitLineOf } from "../exit.js";
import type { NewTask, ScenarioClient } from "./scenario-client.js";

/** Submissions under way; a mesh that answers none is not asked for more. */
const MAX_UNDER_WAY = 500;

export interface Acknowledgement {
  readonly id: string;
  readonly sentAtMs: number;
  /** From the request to its answer. */
  readonly tookMs: number;
}

export class SteadySubmitter {
  readonly #client: ScenarioClient;
  readonly #task: NewTask;
  readonly #everyMs: number;
  readonly acknowledged: Acknowledgement[] = [];
  /** Why submissions were refused, one line each. */
  readonly refusals: string[] = [];
  #underWay = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(client: ScenarioClient, task: NewTask, everyMs: number) {
    this.#client = client;
    this.#task = task;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when each submission under way is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Those that were sent in a time, in milliseconds since the epoch. */
  sentIn(fromMs: number, toMs: number): readonly Acknowledgement[] {
    return this.acknowledged.filter(({ sentAtMs }) => sentAtMs >= fromMs && sentAtMs < toMs);
  }

  async #run(): Promise<void> {
    const answers = new Set<Promise<void>>();
    let dueMs = Date.now();
    while (!this.#stopped) {
      if (this.#underWay < MAX_UNDER_WAY) {
        const answer = this.#submit();
        answers.add(answer);
        void answer.then(() => answers.delete(answer));
      } else {
        this.refusals.push(`not sent: ${MAX_UNDER_WAY} submissions wait for their answer`);
      }
      dueMs += this.#everyMs;
      await sleep(Math.max(0, dueMs - Date.now()));
    }
    await Promise.all(answers);
  }

  async #submit(): Promise<void> {
    const sentAtMs = Date.now();
    this.#underWay += 1;
    try {
      const id = await this.#client.submit(this.#task);
      this.acknowledged.push({ id, sentAtMs, tookMs: Date.now() - sentAtMs });
    } catch (error) {
      this.refusals.push(exitLineOf(error) ?? String(error));
    } finally {
      this.#underWay -= 1;
    }
  }
}
