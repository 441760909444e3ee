// The addresses of the nodes that the gateway knows: those in the registry, and those that it heard
// of before, kept while the registry cannot be read.
import type { RegistryView } from "../discovery/registry-watch.js";
import { AVOID_MS, MAX_PEERS } from "./limits.js";

export type NodeDirectory = Pick<RegistryView, "records" | "formation" | "redisError">;

export class Peers {
  readonly #directory: NodeDirectory;
  /** Address by id of the members that a node named last. */
  #members = new Map<string, string>();
  /** Addresses in turn, so that not everything goes to the same node. */
  #turn = 0;

  /** Node that answers reads, until it fails to: connections stay warm and few. */
  #reader: string | undefined;
  /** Addresses that failed to answer of late, with the time when they may be tried again. */
  readonly #avoided = new Map<string, number>();

  constructor(directory: NodeDirectory) {
    this.#directory = directory;
  }

  /** Every known address once, starting at another one each time. */
  inTurn(): readonly string[] {
    const known = new Set(this.#directory.records().map(({ address }) => address));
    for (const address of this.#members.values()) known.add(address);
    for (const { address } of this.#directory.formation?.members ?? []) known.add(address);
    const addresses = [...known].slice(0, MAX_PEERS);
    this.#turn = addresses.length === 0 ? 0 : (this.#turn + 1) % addresses.length;
    return [...addresses.slice(this.#turn), ...addresses.slice(0, this.#turn)];
  }

  /** Address by id of every node that is known; what the registry says wins. */
  byId(): ReadonlyMap<string, string> {
    const { formation } = this.#directory;
    const known = new Map((formation?.members ?? []).map(({ id, address }) => [id, address]));
    for (const [id, address] of this.#members) known.set(id, address);
    for (const { id, address } of this.#directory.records()) known.set(id, address);
    return new Map([...known].slice(0, MAX_PEERS));
  }

  /** Id of the node at an address. */
  nameOf(address: string): string | undefined {
    const known = [
      ...this.#directory.records(),
      ...[...this.#members].map(([id, at]) => ({ id, address: at })),
      ...(this.#directory.formation?.members ?? []),
    ];
    return known.find((node) => node.address === address)?.id;
  }

  /** A node to read from: any but the leader, which has enough to do, where another one answers. */
  forReads(leader: string | undefined): string | undefined {
    if (this.#reader === undefined || this.#reader === leader) {
      const known = this.inTurn();
      const answering = known.filter((address) => !this.#isAvoided(address));
      this.#reader = answering.find((address) => address !== leader) ?? answering[0] ?? known[0];
    }
    return this.#reader;
  }

  /** Reads go elsewhere for a while. */
  avoid(address: string): void {
    this.#avoided.set(address, performance.now() + AVOID_MS);
    if (this.#reader === address) this.#reader = undefined;
  }

  #isAvoided(address: string): boolean {
    const untilMs = this.#avoided.get(address);
    if (untilMs === undefined) return false;
    if (untilMs > performance.now()) return true;
    this.#avoided.delete(address);
    return false;
  }

  /** Remembers the members that a node named. */
  learn(cluster: {
    readonly members: readonly { readonly id: string; readonly address: string }[];
  }): void {
    if (cluster.members.length === 0) return;
    this.#members = new Map(cluster.members.map(({ id, address }) => [id, address]));
  }
}
