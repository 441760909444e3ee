// What the calls of /chaos/links take.
import { z } from "zod";
import type { LinkPair } from "../api/link-control.js";
import {
  isHarmless,
  type LinkRule,
  MAX_BYTES_PER_SECOND,
  MAX_DELAY_MS,
  MAX_JITTER_MS,
  MAX_RULE_MS,
  PEER_NAME,
} from "../links/link-rule.js";
import { invalidFields } from "./problem.js";
import { validated } from "./validated.js";

const peer = z.string().regex(PEER_NAME, 'must be the id of a node, "gateway" or "redis"');
const share = z.number().min(0).max(1).default(0);
const upTo = (max: number) => z.int().min(0).max(max).default(0);

const linkBody = z.strictObject({
  from: peer,
  to: peer,
  both: z.boolean().default(false),
  cut: z.boolean().default(false),
  delayMs: upTo(MAX_DELAY_MS),
  jitterMs: upTo(MAX_JITTER_MS),
  loss: share,
  duplicate: share,
  bandwidthBytesPerSecond: upTo(MAX_BYTES_PER_SECOND),
  forMs: upTo(MAX_RULE_MS),
});

const flag = z.enum(["true", "false"]).transform((text) => text === "true");
const pairQuery = z.strictObject({ from: peer, to: peer, both: flag.default(false) });

/** @throws HttpProblem 422 naming every field at fault */
export function linkRuleFrom(body: unknown): { readonly rule: LinkRule; readonly both: boolean } {
  const { both, loss, duplicate, bandwidthBytesPerSecond, ...same } = validated(linkBody, body);
  const rule = {
    ...same,
    lossRate: loss,
    duplicateRate: duplicate,
    bytesPerSecond: bandwidthBytesPerSecond,
  };
  if (isHarmless(rule)) {
    const remedy =
      "say what is wrong with the link: cut, delayMs, jitterMs, loss, duplicate or " +
      "bandwidthBytesPerSecond; DELETE /chaos/links heals it";
    throw invalidFields([{ field: "cut", message: remedy }]);
  }
  return { rule, both };
}

/**
 * The links that a query names; undefined for all.
 * @throws HttpProblem 422 naming every field at fault
 */
export function linkPairFrom(query: unknown): LinkPair | undefined {
  const isEmpty = typeof query === "object" && query !== null && Object.keys(query).length === 0;
  return isEmpty ? undefined : validated(pairQuery, query);
}
