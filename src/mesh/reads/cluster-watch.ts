// Tells those who watch how the mesh changes: who leads, which members there are and what becomes of
// them, whether Redis follows. Each is told the newest state, never a backlog of older ones.
import { WatchClusterResponse } from "../../gen/mesh/v1/cluster_service.js";

/** While somebody watches: how often is looked for what no event tells, such as a node's silence. */
const LOOK_MS = 200;

export class ClusterWatch {
  readonly #state: () => WatchClusterResponse;
  readonly #wake = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param state what there is to tell now */
  constructor(state: () => WatchClusterResponse) {
    this.#state = state;
  }

  /** Something may have changed. */
  look(): void {
    for (const wake of this.#wake) wake();
  }

  /** The state now, and each one that differs from the last; ends when `signal` is aborted. */
  async *watch(signal: AbortSignal): AsyncIterable<WatchClusterResponse> {
    let told: Uint8Array = new Uint8Array();
    while (!signal.aborted && !this.#closed) {
      const state = this.#state();
      const encoded = WatchClusterResponse.encode(state).finish();
      const isNews = Buffer.compare(encoded, told) !== 0;
      told = encoded;
      if (isNews) yield state;
      else await this.#changed(signal);
    }
  }

  /** Whoever watches is told no more. */
  close(): void {
    this.#closed = true;
    this.look();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake.delete(wake);
        signal.removeEventListener("abort", wake);
        if (this.#wake.size === 0) {
          clearInterval(this.#timer);
          this.#timer = undefined;
        }
        resolve();
      };
      this.#wake.add(wake);
      signal.addEventListener("abort", wake, { once: true });
      this.#timer ??= setInterval(() => this.look(), LOOK_MS);
    });
  }
}
