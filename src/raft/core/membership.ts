// What a configuration says: who votes, who learns, and how it is written into an entry.
import { InvariantViolation } from "./errors.js";
import { nodeId } from "./types.js";
import type { Member, Membership, NodeId } from "./types.js";

/** A server that joins knows nobody yet. */
export const emptyMembership: Membership = {
  voters: [],
  outgoing: [],
  learners: [],
  learnersNext: [],
};

/** Joint while the old voters still have their say (§4.3). */
export function isJoint(membership: Membership): boolean {
  return membership.outgoing.length > 0;
}

/** Counts in a quorum, incoming or outgoing. */
export function isVoter(membership: Membership, id: NodeId): boolean {
  return has(membership.voters, id) || has(membership.outgoing, id);
}

/** Every server that receives the log, each once. */
export function memberIds(membership: Membership): ReadonlySet<NodeId> {
  const ids = new Set<NodeId>();
  for (const list of [membership.voters, membership.outgoing, membership.learners]) {
    for (const member of list) ids.add(member.id);
  }
  return ids;
}

/** Every server that has a vote, incoming or outgoing, each once. */
export function voterIds(membership: Membership): ReadonlySet<NodeId> {
  return new Set([...membership.voters, ...membership.outgoing].map((member) => member.id));
}

export function has(members: readonly Member[], id: NodeId): boolean {
  return members.some((member) => member.id === id);
}

const ENCODING_VERSION = 1;

/** The data of a membership entry: JSON, the same bytes for the same configuration. */
export function encodeMembership(membership: Membership): Uint8Array {
  const pairs = (members: readonly Member[]) => members.map(({ id, address }) => [id, address]);
  return new TextEncoder().encode(
    JSON.stringify({
      version: ENCODING_VERSION,
      voters: pairs(membership.voters),
      outgoing: pairs(membership.outgoing),
      learners: pairs(membership.learners),
      learnersNext: pairs(membership.learnersNext),
    }),
  );
}

/** Inverse of {@link encodeMembership}. Throws `InvariantViolation` for anything else. */
export function decodeMembership(data: Uint8Array): Membership {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch (cause) {
    throw new InvariantViolation("membership entry is not JSON", { cause });
  }
  const fields = asRecord(parsed);
  if (fields["version"] !== ENCODING_VERSION) {
    throw new InvariantViolation(`membership entry of version ${String(fields["version"])}`);
  }
  return {
    voters: decodeMembers(fields["voters"]),
    outgoing: decodeMembers(fields["outgoing"]),
    learners: decodeMembers(fields["learners"]),
    learnersNext: decodeMembers(fields["learnersNext"]),
  };
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) {
    throw new InvariantViolation("membership entry is not an object");
  }
  return value as Record<string, unknown>;
}

function decodeMembers(value: unknown): readonly Member[] {
  if (!Array.isArray(value)) throw new InvariantViolation("membership entry lacks a list");
  return value.map((pair: unknown) => {
    if (!Array.isArray(pair)) throw new InvariantViolation("member is not a pair");
    const [id, address] = pair as readonly unknown[];
    if (typeof id !== "string" || typeof address !== "string") {
      throw new InvariantViolation("member is not a pair of strings");
    }
    return { id: nodeId(id), address };
  });
}
