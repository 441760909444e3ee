// Knows which node leads: asks the nodes when it does not know, when a call failed, and now and then.
import type { GetClusterRequest, GetClusterResponse } from "../gen/mesh/v1/cluster_service.js";
import type { ClientPool } from "../api/client-pool.js";
import { type PeerStub, tryPeer } from "../api/unary-client.js";
import { CONNECT_MS, LEADER_LOOK_MS, LEADER_LOOK_PEERS, LEADER_REFRESH_MS } from "./limits.js";
import type { Peers } from "./peers.js";

const getCluster: PeerStub<GetClusterRequest, GetClusterResponse> = (peer) =>
  peer.cluster.getCluster.bind(peer.cluster);

export class LeaderTracker {
  readonly #pool: ClientPool;
  readonly #peers: Peers;
  #address: string | undefined;
  /** Term in which `address` led; an answer of an earlier one is old news. */
  #term = 0;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: ClientPool, peers: Peers) {
    this.#pool = pool;
    this.#peers = peers;
  }

  /** Looks for the leader now, and again at a steady pace until `stop`. */
  start(): void {
    this.#timer ??= setInterval(() => void this.look(), LEADER_REFRESH_MS);
    void this.look();
  }

  /** Looks no more; what is known stays. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Address of the leader, as far as is known. */
  get leader(): string | undefined {
    return this.#address;
  }

  /** The node at `address` did not answer as a leader does. */
  doubt(address: string): void {
    if (this.#address !== address) return;
    this.#address = undefined;
    // A mesh that was formed anew begins its terms anew.
    this.#term = 0;
  }

  /**
   * Takes in what a node said of the mesh: peers always, the leader unless a later term is known.
   */
  learn(
    cluster: Pick<GetClusterResponse, "leaderAddress" | "term"> & Parameters<Peers["learn"]>[0],
  ): void {
    this.#peers.learn(cluster);
    if (cluster.leaderAddress === "" || cluster.term < this.#term) return;
    this.#term = cluster.term;
    this.#address = cluster.leaderAddress;
  }

  /** Asks the nodes; resolves with the first that names a leader, or when all have answered. */
  look(): Promise<void> {
    this.#looking ??= this.#ask().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #ask(): Promise<void> {
    const candidates = this.#peers.inTurn().slice(0, LEADER_LOOK_PEERS);
    const asked = candidates.map(async (address) => {
      const bounds = { connectMs: CONNECT_MS, timeoutMs: LEADER_LOOK_MS };
      const node = { peer: this.#pool.at(address), address };
      const outcome = await tryPeer(node, getCluster, {}, bounds);
      if (outcome.kind !== "answered") throw new Error(`${address} did not answer`);
      this.learn(outcome.response);
      if (outcome.response.leaderAddress === "") throw new Error(`${address} knows no leader`);
    });
    // No node knows a leader: `leader` stays unset.
    await Promise.any(asked).catch(() => undefined);
  }
}
