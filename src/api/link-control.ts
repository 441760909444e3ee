// Puts rules in force at every end of a link, and takes them away there: called past the links
// themselves, since what cuts a link must not cut off whoever is to heal it.
import type { ActiveLinkRule, UnreachablePeer } from "../gen/mesh/v1/chaos_service.js";
import type { Problem } from "../gen/mesh/v1/task_service.js";
import {
  checkLinkRule,
  GATEWAY_PEER,
  InvalidLinkRule,
  type LinkRule,
  REDIS_PEER,
} from "../links/link-rule.js";
import type { LinkTable } from "../links/link-table.js";
import { reasonOf } from "./call-outcome.js";
import { ClientPool } from "./client-pool.js";
import { LINK_CALL_MS, LINK_CONNECT_MS, MAX_LINK_PEERS } from "./limits.js";
import { mergedRules, type SpreadRule, wireActiveRule, wireRule } from "./link-rule-codec.js";
import { type PeerStub, tryPeer } from "./unary-client.js";

export interface LinkControlOptions {
  /** The node, or the gateway, that this is. */
  readonly self: string;
  readonly table: LinkTable;
  /** Address by id of every node that is known. */
  readonly nodes: () => ReadonlyMap<string, string>;
}

/** Thrown for the end of a link that is no node that is known here. */
export class UnknownPeer extends InvalidLinkRule {}

/** The link from one peer to another; where `both`, the way back as well. */
export interface LinkPair {
  readonly from: string;
  readonly to: string;
  readonly both: boolean;
}

export interface LinkReach {
  /** Peers at which it is done. */
  readonly at: string[];
  readonly unreachable: UnreachablePeer[];
  /** What a node refused it with, where one did. */
  readonly refused: Problem | undefined;
}

export interface LinkList {
  readonly links: readonly SpreadRule[];
  readonly unreachable: readonly UnreachablePeer[];
}

type Told<T> =
  | { readonly kind: "answered"; readonly id: string; readonly response: T }
  | {
      readonly kind: "failed";
      readonly id: string;
      readonly reason: string;
      readonly problem: Problem | undefined;
    };

export class LinkControl {
  readonly #options: LinkControlOptions;
  /** Without the credentials that put links under it. */
  readonly #direct = new ClientPool({ maxPeers: MAX_LINK_PEERS });

  constructor(options: LinkControlOptions) {
    this.#options = options;
  }

  /**
   * Puts a rule in force at both ends of its link, at the other end first.
   * @throws InvalidLinkRule where the rule is out of bounds
   * @throws UnknownPeer
   */
  async set(rule: LinkRule, both: boolean): Promise<LinkReach> {
    checkLinkRule(rule);
    this.#checkKnown("from", rule.from);
    this.#checkKnown("to", rule.to);
    const ends = endsOf(rule);
    const request = { rule: wireRule(rule), both, hereOnly: true };
    const told = await this.#tell(ends, (peer) => peer.chaos.setLink.bind(peer.chaos), request);
    if (!ends.includes(this.#options.self)) return reachOf(told);
    this.setHere(rule, both);
    return reachOf(told, this.#options.self);
  }

  /**
   * Puts a rule in force here alone.
   * @throws InvalidLinkRule also where the link is none of this peer's
   */
  setHere(rule: LinkRule, both: boolean): void {
    const { self, table } = this.#options;
    checkLinkRule(rule);
    if (rule.from !== self && rule.to !== self) {
      throw new InvalidLinkRule("from", `neither end of the link is ${self}, which alone is asked`);
    }
    table.set(rule);
    if (both) table.set({ ...rule, from: rule.to, to: rule.from });
  }

  /** Heals one link, or all, at every peer that may have a rule for it. */
  async heal(pair?: LinkPair): Promise<LinkReach> {
    const { self, nodes } = this.#options;
    const ends = pair === undefined ? [...nodes().keys(), self] : endsOf(pair);
    const request = { from: "", to: "", both: false, ...pair, hereOnly: true };
    const told = await this.#tell(ends, (peer) => peer.chaos.healLinks.bind(peer.chaos), request);
    this.healHere(pair);
    return reachOf(told, ends.includes(self) ? self : undefined);
  }

  /** Lifts the rules of one pair in this process, or all of them. */
  healHere(pair?: LinkPair): void {
    const { table } = this.#options;
    if (pair === undefined) {
      table.heal();
      return;
    }
    const { from, to, both } = pair;
    table.heal({ from, to });
    if (both) table.heal({ from: to, to: from });
  }

  /** The rules in force in this process. */
  rulesHere(): ActiveLinkRule[] {
    return this.#options.table.rules().map(wireActiveRule);
  }

  /** Every rule in the mesh, and which peers have it. */
  async list(): Promise<LinkList> {
    const { self, nodes } = this.#options;
    const ids = [...nodes().keys()];
    const told = await this.#tell(ids, (peer) => peer.chaos.listLinks.bind(peer.chaos), {});
    const rules = told.map((one) =>
      one.kind === "answered" ? { id: one.id, links: one.response.links } : { id: "", links: [] },
    );
    const links = mergedRules([...rules, { id: self, links: this.rulesHere() }]);
    return { links, unreachable: reachOf(told).unreachable };
  }

  /** Closes its own connections; rules stay in force. */
  close(): void {
    this.#direct.close();
  }

  /** A rule for a name that nobody has would be kept, and do nothing. */
  #checkKnown(field: "from" | "to", peer: string): void {
    const { self, nodes } = this.#options;
    if (peer === self || peer === REDIS_PEER) return;
    if (peer === GATEWAY_PEER) {
      const remedy = "a gateway alone impairs its links: use PUT /chaos/links of that gateway";
      throw new InvalidLinkRule(field, remedy);
    }
    const known = [...nodes().keys()].sort();
    if (!known.includes(peer)) {
      throw new UnknownPeer(field, `there is no node ${peer}; there are: ${known.join(", ")}`);
    }
  }

  /** Calls each of these nodes but this one; where one fails the others are told all the same. */
  #tell<Request, Response>(
    ids: readonly string[],
    stub: PeerStub<Request, Response>,
    request: Request,
  ): Promise<Told<Response>[]> {
    const others = ids.filter((id) => id !== this.#options.self && id !== GATEWAY_PEER);
    return Promise.all(others.map((id) => this.#tellOne(id, stub, request)));
  }

  async #tellOne<Request, Response>(
    id: string,
    stub: PeerStub<Request, Response>,
    request: Request,
  ): Promise<Told<Response>> {
    const address = this.#options.nodes().get(id);
    if (address === undefined) {
      return { kind: "failed", id, reason: "its address is not known", problem: undefined };
    }
    const node = { peer: this.#direct.at(address), address };
    const bounds = { connectMs: LINK_CONNECT_MS, timeoutMs: LINK_CALL_MS };
    const outcome = await tryPeer(node, stub, request, bounds);
    switch (outcome.kind) {
      case "answered":
        return { kind: "answered", id, response: outcome.response };
      case "lost":
        return { kind: "failed", id, reason: reasonOf(outcome.error), problem: undefined };
      case "not-done":
      case "refused":
        return { kind: "failed", id, reason: reasonOf(outcome.error), problem: outcome.problem };
    }
  }
}

/** Peers that open connections on a link: nobody connects to a gateway, and Redis to nobody. */
function endsOf({ from, to }: Pick<LinkRule, "from" | "to">): readonly string[] {
  const ends = [from, to];
  return ends.includes(GATEWAY_PEER) ? [GATEWAY_PEER] : ends.filter((peer) => peer !== REDIS_PEER);
}

function reachOf(told: readonly Told<unknown>[], self?: string): LinkReach {
  const at: string[] = self === undefined ? [] : [self];
  const unreachable: UnreachablePeer[] = [];
  let refused: Problem | undefined;
  for (const one of told) {
    if (one.kind === "answered") at.push(one.id);
    else {
      unreachable.push({ id: one.id, reason: one.reason });
      refused ??= one.problem;
    }
  }
  return { at: at.sort(), unreachable, refused };
}
