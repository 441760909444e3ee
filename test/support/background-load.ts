// Clients that go on submitting while a test does harm to the mesh; what they were answered is in the
// history.
import { setTimeout as pause } from "node:timers/promises";
import type { MeshHistory } from "./mesh-history.js";
import type { MeshHttp } from "./mesh-http.js";

const CLIENTS = 3;
const PAUSE_MS = 20;

export class BackgroundLoad {
  readonly #http: MeshHttp;
  readonly #history: MeshHistory;
  readonly #task: Readonly<Record<string, unknown>>;
  readonly #clients: Promise<void>[];
  #stopped = false;

  /** @param task what each submission asks for */
  constructor(http: MeshHttp, history: MeshHistory, task: Readonly<Record<string, unknown>>) {
    this.#http = http;
    this.#history = history;
    this.#task = task;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#submit());
  }

  /** Submits no more; resolves when all that was submitted is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #submit(): Promise<void> {
    while (!this.#stopped) {
      await this.#history.submit(this.#http, this.#task);
      await pause(PAUSE_MS);
    }
  }
}
