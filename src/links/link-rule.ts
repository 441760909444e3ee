// What can be wrong with a link on purpose: one rule for each ordered pair of peers, and its bounds.

/** Name of the Redis that nodes and gateways talk to, as a peer of theirs. */
export const REDIS_PEER = "redis";
/** Name of every gateway, as a peer of the nodes. */
export const GATEWAY_PEER = "gateway";

export const MAX_DELAY_MS = 60_000;
export const MAX_JITTER_MS = 60_000;
export const MAX_BYTES_PER_SECOND = 10_000_000_000;
export const MAX_RULE_MS = 86_400_000;
/** Rules that a table holds; 50 nodes have 2,450 ordered pairs. */
export const MAX_RULES = 4_096;

/** Directions that a table remembers; one that was impaired once is never forgotten. */
export const MAX_DIRECTIONS = 4 * MAX_RULES;

export const PEER_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** How traffic from one peer to another is impaired; the way back has a rule of its own. */
export interface LinkRule {
  readonly from: string;
  readonly to: string;
  /** Nothing passes, and nobody is told. */
  readonly cut: boolean;
  readonly delayMs: number;
  /** Up to so much is added to the delay, evenly distributed. Order is kept, as TCP keeps it. */
  readonly jitterMs: number;
  /**
   * 0 to 1. So many Raft messages are dropped; of other traffic, which TCP would send again, so many
   * writes are late by a retransmission or more.
   */
  readonly lossRate: number;
  /** 0 to 1. So many Raft messages arrive twice. */
  readonly duplicateRate: number;
  /** 0: as many as there are. */
  readonly bytesPerSecond: number;
  /** After so long the link heals by itself; 0: not by itself. */
  readonly forMs: number;
}

/** A rule in force. */
export interface ActiveLinkRule extends LinkRule {
  /** Until the link heals by itself; 0: it does not. */
  readonly healsInMs: number;
}

/** A rule that says nothing yet. */
export const noImpairment = (from: string, to: string): LinkRule => ({
  from,
  to,
  cut: false,
  delayMs: 0,
  jitterMs: 0,
  lossRate: 0,
  duplicateRate: 0,
  bytesPerSecond: 0,
  forMs: 0,
});

/** Thrown for a rule that is out of bounds, or for links that are not there; nothing was changed. */
export class InvalidLinkRule extends Error {
  override readonly name = "InvalidLinkRule";

  /** @param reason what is wrong with the field, without its name */
  constructor(
    readonly field: keyof LinkRule,
    readonly reason: string,
  ) {
    super(`${field}: ${reason}`);
  }
}

/** @throws InvalidLinkRule for the first field at fault */
export function checkLinkRule(rule: LinkRule): void {
  checkPeer("from", rule.from);
  checkPeer("to", rule.to);
  if (rule.from === rule.to) {
    throw new InvalidLinkRule("to", "must be another peer than `from`: no link leads to itself");
  }
  checkInteger("delayMs", rule.delayMs, MAX_DELAY_MS);
  checkInteger("jitterMs", rule.jitterMs, MAX_JITTER_MS);
  checkRate("lossRate", rule.lossRate);
  checkRate("duplicateRate", rule.duplicateRate);
  checkInteger("bytesPerSecond", rule.bytesPerSecond, MAX_BYTES_PER_SECOND);
  checkInteger("forMs", rule.forMs, MAX_RULE_MS);
}

/** True where the rule changes nothing. */
export function isHarmless(rule: LinkRule): boolean {
  const { cut, delayMs, jitterMs, lossRate, duplicateRate, bytesPerSecond } = rule;
  return !cut && delayMs + jitterMs + lossRate + duplicateRate + bytesPerSecond === 0;
}

/** @throws InvalidLinkRule */
export function checkPeer(field: "from" | "to", name: string): void {
  if (PEER_NAME.test(name)) return;
  const remedy = `must be the id of a node, "${GATEWAY_PEER}" or "${REDIS_PEER}"`;
  throw new InvalidLinkRule(field, remedy);
}

function checkInteger(field: keyof LinkRule, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new InvalidLinkRule(field, `must be an integer from 0 to ${max}`);
}

function checkRate(field: keyof LinkRule, value: number): void {
  if (value >= 0 && value <= 1) return;
  throw new InvalidLinkRule(field, "must be a share from 0 to 1");
}
