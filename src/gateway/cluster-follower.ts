// Follows how the mesh changes, at the leader where there is one, for as long as somebody listens:
// one watch for all clients of this gateway.
import { setTimeout as pause } from "node:timers/promises";
import { type ClientPool, isConnected } from "../api/client-pool.js";
import { isAborted } from "../api/is-aborted.js";
import type { WatchClusterResponse } from "../gen/mesh/v1/cluster_service.js";
import { messagesOf } from "./answers.js";
import type { LeaderTracker } from "./leader-tracker.js";
import { CONNECT_MS, WATCH_RETRY_MS } from "./limits.js";
import type { Peers } from "./peers.js";

export type ClusterListener = (state: WatchClusterResponse) => void;

export class ClusterFollower {
  readonly #pool: ClientPool;
  readonly #peers: Peers;
  readonly #leaders: LeaderTracker;
  readonly #listeners = new Set<ClusterListener>();
  #latest: WatchClusterResponse | undefined;
  #watching: AbortController | undefined;

  constructor(pool: ClientPool, peers: Peers, leaders: LeaderTracker) {
    this.#pool = pool;
    this.#peers = peers;
    this.#leaders = leaders;
  }

  /** Tells the listener the state as soon as it is known, and each newer one; returns how to end that. */
  subscribe(listener: ClusterListener): () => void {
    this.#listeners.add(listener);
    if (this.#latest !== undefined) listener(this.#latest);
    if (this.#watching === undefined) {
      this.#watching = new AbortController();
      void this.#follow(this.#watching.signal);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#watching?.abort();
      this.#watching = undefined;
      this.#latest = undefined;
    };
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#leaders.leader === undefined) await this.#leaders.look();
      const address = this.#leaders.leader ?? this.#peers.inTurn()[0];
      if (address !== undefined) await this.#followAt(address, signal);
      await pause(WATCH_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** What one node tells, until it ends or says that another one leads. */
  async #followAt(address: string, signal: AbortSignal): Promise<void> {
    const peer = this.#pool.at(address);
    if (!(await isConnected(peer, Date.now() + CONNECT_MS)) || isAborted(signal)) {
      this.#leaders.doubt(address);
      return;
    }
    const call = peer.cluster.watchCluster({});
    const cancel = (): void => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      for await (const state of messagesOf(call)) {
        if (isAborted(signal)) return;
        this.#tell(state);
        this.#leaders.learn(state);
        if (this.#leaders.leader !== undefined && this.#leaders.leader !== address) return;
      }
    } catch {
      this.#leaders.doubt(address);
    } finally {
      signal.removeEventListener("abort", cancel);
      call.cancel();
    }
  }

  #tell(state: WatchClusterResponse): void {
    this.#latest = state;
    for (const listener of this.#listeners) listener(state);
  }
}
