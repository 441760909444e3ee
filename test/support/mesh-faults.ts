// What a test has done to the links of its mesh, by the names of nodes, "gateway" and "redis". Nodes
// that are dead stay silent when everything else is healed.
import {
  GATEWAY_PEER,
  type LinkRule,
  noImpairment,
  REDIS_PEER,
} from "../../src/links/link-rule.js";
import type { LinkTable } from "../../src/links/link-table.js";

type Impairment = Partial<Omit<LinkRule, "from" | "to">>;

export class MeshFaults {
  readonly #table: LinkTable;
  readonly #nodes: () => readonly string[];
  readonly #wanted = new Map<string, LinkRule>();
  readonly #dead = new Set<string>();

  constructor(table: LinkTable, nodes: () => readonly string[]) {
    this.#table = table;
    this.#nodes = nodes;
  }

  /** Cuts every link between peers of different groups; who is in no group keeps all links. */
  partition(...groups: readonly (readonly string[])[]): void {
    groups.forEach((group, at) => {
      const others = groups.filter((_, other) => other !== at).flat();
      for (const from of group) for (const to of others) this.#want(from, to, { cut: true });
    });
    this.#apply();
  }

  cut(a: string, b: string): void {
    this.impair(a, b, { cut: true });
  }

  /** Nothing gets from `from` to `to`; the way back stays open. */
  cutOneWay(from: string, to: string): void {
    this.#want(from, to, { cut: true });
    this.#apply();
  }

  /** Slows the link, or makes it lossy, both ways. */
  impair(a: string, b: string, impairment: Impairment): void {
    this.#want(a, b, impairment);
    this.#want(b, a, impairment);
    this.#apply();
  }

  /** Cuts a peer off from everything but those that are named. */
  isolate(peer: string, ...except: readonly string[]): void {
    for (const other of this.#everyone()) {
      if (other === peer || except.includes(other)) continue;
      this.#want(peer, other, { cut: true });
      this.#want(other, peer, { cut: true });
    }
    this.#apply();
  }

  /** Heals the link between two, or every link. */
  heal(a?: string, b?: string): void {
    for (const [key, { from, to }] of [...this.#wanted]) {
      const named = [from, to];
      if ([a, b].every((peer) => peer === undefined || named.includes(peer))) {
        this.#wanted.delete(key);
      }
    }
    this.#apply();
  }

  /** Nothing is heard of a node any more, until it is revived. */
  silence(id: string): void {
    this.#dead.add(id);
    this.#apply();
  }

  revive(id: string): void {
    this.#dead.delete(id);
    this.#apply();
  }

  #want(from: string, to: string, impairment: Impairment): void {
    this.#wanted.set(`${from} ${to}`, { ...noImpairment(from, to), ...impairment });
  }

  #everyone(): readonly string[] {
    return [...this.#nodes(), GATEWAY_PEER, REDIS_PEER];
  }

  #apply(): void {
    const everyone = this.#everyone();
    for (const from of everyone) {
      for (const to of everyone) if (from !== to) this.#put(from, to);
    }
  }

  #put(from: string, to: string): void {
    const wanted = this.#wanted.get(`${from} ${to}`) ?? noImpairment(from, to);
    const silent = this.#dead.has(from) || this.#dead.has(to);
    const rule = silent ? { ...wanted, cut: true } : wanted;
    // Put anew, a rule would begin its time anew.
    const now = this.#table.direction(from, to).rule ?? noImpairment(from, to);
    if (JSON.stringify(now) !== JSON.stringify(rule)) this.#table.set(rule);
  }
}
