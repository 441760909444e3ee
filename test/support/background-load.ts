// Clients that go on submitting while a test does harm to the mesh; what they were answered is in the
// history.
import { setTimeout as pause } from "node:timers/promises";
import type { MeshHistory } from "./mesh-history.js";
import type { MeshHttp } from "./mesh-http.js";

const CLIENTS = 3;
const PAUSE_MS = 20;

export class BackgroundLoad {
  readonly #clients: Promise<void>[];
  #stopped = false;

  /** @param task what each submission asks for */
  constructor(
    private readonly http: MeshHttp,
    private readonly history: MeshHistory,
    private readonly task: Readonly<Record<string, unknown>>,
  ) {
    this.#clients = Array.from({ length: CLIENTS }, () => this.#submit());
  }

  /** Submits no more; resolves when all that was submitted is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #submit(): Promise<void> {
    while (!this.#stopped) {
      await this.history.submit(this.http, this.task);
      await pause(PAUSE_MS);
    }
  }
}
