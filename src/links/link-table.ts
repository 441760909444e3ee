// The one table of what is wrong with the links of a mesh on purpose. Who holds it, a process or a
// test with many nodes in one process, sets and heals; connections ask it by direction.
import { LinkDirection } from "./link-direction.js";
import {
  type ActiveLinkRule,
  checkLinkRule,
  InvalidLinkRule,
  isHarmless,
  type LinkRule,
  MAX_DIRECTIONS,
  MAX_RULES,
} from "./link-rule.js";
import { seededRandom, seedOf } from "./random.js";

/** Which links: an end that is left out stands for any. */
export interface LinkSelection {
  readonly from?: string;
  readonly to?: string;
}

/** As of the configuration. */
export interface ChaosConfig {
  readonly enabled: boolean;
  readonly seed: number;
}

export class LinkTable {
  readonly #directions = new Map<string, LinkDirection>();
  readonly #rules = new Map<string, { readonly rule: LinkRule; readonly end: RuleEnd }>();

  /** @param seed of every random choice; each link draws from a sequence of its own */
  constructor(readonly seed: number) {}

  /** The direction between two peers, whatever its rule is or will be. */
  direction(from: string, to: string): LinkDirection {
    const key = keyOf(from, to);
    let direction = this.#directions.get(key);
    if (direction === undefined) {
      direction = new LinkDirection(from, to, seededRandom(this.seed ^ seedOf(key)));
      this.#directions.set(key, direction);
    }
    return direction;
  }

  /**
   * Puts a rule in place of the one that the link had.
   * @throws InvalidLinkRule
   */
  set(rule: LinkRule): void {
    checkLinkRule(rule);
    const key = keyOf(rule.from, rule.to);
    if (!this.#rules.has(key) && this.#rules.size >= MAX_RULES) {
      throw new InvalidLinkRule("from", `there are ${MAX_RULES} rules already: heal some first`);
    }
    if (!this.#directions.has(key) && this.#directions.size >= MAX_DIRECTIONS) {
      throw new InvalidLinkRule("from", `${MAX_DIRECTIONS} links were named: that is the bound`);
    }
    this.#drop(key);
    const direction = this.direction(rule.from, rule.to);
    if (isHarmless(rule)) {
      direction.become(undefined);
      return;
    }
    const end = ruleEnd(rule.forMs, () => this.heal({ from: rule.from, to: rule.to }));
    this.#rules.set(key, { rule, end });
    direction.become(rule);
  }

  /** Takes the rules of the selected links away; tells how many there were. */
  heal({ from, to }: LinkSelection = {}): number {
    let healed = 0;
    for (const [key, { rule }] of [...this.#rules]) {
      if ((from ?? rule.from) !== rule.from || (to ?? rule.to) !== rule.to) continue;
      this.#drop(key);
      this.direction(rule.from, rule.to).become(undefined);
      healed += 1;
    }
    return healed;
  }

  /** The rules in force, by `from` and `to`. */
  rules(): readonly ActiveLinkRule[] {
    return [...this.#rules]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { rule, end }]) => ({ ...rule, healsInMs: end.leftMs() }));
  }

  #drop(key: string): void {
    this.#rules.get(key)?.end.cancel();
    this.#rules.delete(key);
  }
}

/** What whoever asks for chaos is told where there is none. */
export const CHAOS_DISABLED =
  "chaos.enabled is false: set it to true in cluster.config.json, or TASKMESH_CHAOS_ENABLED=true, " +
  "for nodes and gateway, and start them again";

/** The table of a process; undefined where its configuration allows no chaos. */
export function linkTable(chaos: ChaosConfig): LinkTable | undefined {
  return chaos.enabled ? new LinkTable(chaos.seed) : undefined;
}

interface RuleEnd {
  readonly leftMs: () => number;
  readonly cancel: () => void;
}

function ruleEnd(forMs: number, heal: () => void): RuleEnd {
  if (forMs === 0) return { leftMs: () => 0, cancel: () => undefined };
  const endsAtMs = performance.now() + forMs;
  const timer = setTimeout(heal, forMs).unref();
  return {
    leftMs: () => Math.max(1, Math.ceil(endsAtMs - performance.now())),
    cancel: () => clearTimeout(timer),
  };
}

const keyOf = (from: string, to: string): string => `${from} ${to}`;
