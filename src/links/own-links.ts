// The links of one peer, a node or a gateway, as those see them that open its connections.
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { LinkCredentials } from "./link-credentials.js";
import { REDIS_PEER } from "./link-rule.js";
import type { LinkTable } from "./link-table.js";
import type { LinkEnds } from "./linked-socket.js";
import { redisConnector, type RedisConnectorClass } from "./redis-connector.js";

/** Addresses whose names are remembered; nodes that moved leave old ones behind. */
const MAX_REMEMBERED = 1_024;

/**
 * "messages" is for Raft, which loses and repeats whole messages by itself; "calls" for everything
 * else, which TCP sends again where it is lost.
 */
export type Traffic = "messages" | "calls";

export class OwnLinks {
  /** Whom an address belongs to stays known when the registry forgets it. */
  readonly #names = new Map<string, string>();

  constructor(
    readonly table: LinkTable,
    readonly self: string,
  ) {}

  /**
   * Credentials of channels that pass the links.
   * @param nameOf the peer at an address, as far as is known now
   */
  credentials(
    traffic: Traffic,
    nameOf: (address: string) => string | undefined,
    inner: ChannelCredentials = credentials.createInsecure(),
  ): ChannelCredentials {
    return new LinkCredentials(inner, (address) => {
      return this.#endsTo(this.#nameOf(address, nameOf), traffic);
    });
  }

  /** For ioredis. */
  redisConnector(): RedisConnectorClass {
    return redisConnector(this.#endsTo(REDIS_PEER, "calls"));
  }

  /** Whether what is sent to a peer passes otherwise than at once and whole. */
  isImpaired(to: string): boolean {
    return !this.table.direction(this.self, to).isFree;
  }

  /** What arrives of messages to a peer; the same list where all does, once. */
  surviving<T>(to: string, messages: readonly T[]): readonly T[] {
    return this.table.direction(this.self, to).surviving(messages);
  }

  #endsTo(peer: string, traffic: Traffic): LinkEnds {
    return {
      outbound: this.table.direction(this.self, peer),
      inbound: this.table.direction(peer, this.self),
      retransmits: traffic === "calls",
    };
  }

  #nameOf(address: string, nameOf: (address: string) => string | undefined): string {
    const name = nameOf(address);
    if (name === undefined) return this.#names.get(address) ?? address;
    if (this.#names.size < MAX_REMEMBERED) this.#names.set(address, name);
    return name;
  }
}
