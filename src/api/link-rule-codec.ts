// Rules of links as they are on the wire, and as src/links knows them.
import { type ActiveLinkRule, LinkRule } from "../gen/mesh/v1/chaos_service.js";
import type {
  ActiveLinkRule as OwnActiveRule,
  InvalidLinkRule,
  LinkRule as OwnRule,
} from "../links/link-rule.js";
import { QueueError } from "../queue/errors.js";

/** Fields that have other names outside. */
const OUTER_NAMES: Partial<Record<keyof OwnRule, keyof LinkRule>> = {
  lossRate: "loss",
  duplicateRate: "duplicate",
  bytesPerSecond: "bandwidthBytesPerSecond",
};

/** A rule as it goes over the wire. */
export function wireRule(rule: OwnRule): LinkRule {
  const { lossRate, duplicateRate, bytesPerSecond, ...same } = rule;
  return {
    ...same,
    loss: lossRate,
    duplicate: duplicateRate,
    bandwidthBytesPerSecond: bytesPerSecond,
  };
}

/** A rule as links/ has it; its values are not checked here. */
export function ownRule(rule: LinkRule): OwnRule {
  const { loss, duplicate, bandwidthBytesPerSecond, ...same } = rule;
  return {
    ...same,
    lossRate: loss,
    duplicateRate: duplicate,
    bytesPerSecond: bandwidthBytesPerSecond,
  };
}

/** A rule that is in force, with the time that it has to go. */
export function wireActiveRule({ healsInMs, ...rule }: OwnActiveRule): ActiveLinkRule {
  return { rule: wireRule(rule), healsInMs };
}

/** The field at fault by the name that it has outside. */
export function outerFieldOf({ field }: InvalidLinkRule): string {
  return OUTER_NAMES[field] ?? field;
}

/** A rule that links/ refuses, as the refusal "invalid_field" that a client sees. */
export function invalidRule(error: InvalidLinkRule): QueueError {
  const field = outerFieldOf(error);
  return new QueueError("invalid_field", `${field}: ${error.reason}`, { field, cause: error });
}

/** A rule, and the peers at which it is in force; the longest time that it has to go at one. */
export interface SpreadRule extends LinkRule {
  readonly healsInMs: number;
  readonly at: readonly string[];
}

/** The rules of many peers as one list; one that is the same at several is there once. */
export function mergedRules(
  peers: readonly { readonly id: string; readonly links: readonly ActiveLinkRule[] }[],
): SpreadRule[] {
  const byRule = new Map<string, SpreadRule>();
  for (const { id, links } of peers) {
    for (const { rule, healsInMs } of links) {
      if (rule === undefined) continue;
      const key = Buffer.from(LinkRule.encode(rule).finish()).toString("latin1");
      const known = byRule.get(key) ?? { ...rule, healsInMs, at: [] };
      byRule.set(key, {
        ...known,
        healsInMs: Math.max(known.healsInMs, healsInMs),
        at: [...known.at, id].sort(),
      });
    }
  }
  const place = ({ from, to }: SpreadRule): string => `${from} ${to}`;
  return [...byRule.values()].sort((a, b) => (place(a) < place(b) ? -1 : 1));
}
