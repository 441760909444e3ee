// Arithmetic on configurations: who decides, and whether two configurations can decide apart.
import type { Member, Membership } from "../../src/raft/core/index.js";

const majority = (size: number): number => Math.floor(size / 2) + 1;

/** Do the supporters form a quorum: of the voters and, while joint, of the outgoing (§4.3)? */
export const isQuorum = (membership: Membership, supports: (id: string) => boolean): boolean =>
  hasMajority(membership.voters, supports) &&
  (membership.outgoing.length === 0 || hasMajority(membership.outgoing, supports));

const hasMajority = (members: readonly Member[], supports: (id: string) => boolean): boolean => {
  let count = 0;
  for (const { id } of members) if (supports(id)) count += 1;
  return count >= majority(members.length);
};

/**
 * Does every quorum of one share a server with every quorum of the other? It does where a majority
 * of some part of one and a majority of some part of the other together outnumber their union.
 */
export const quorumsOverlap = (left: Membership, right: Membership): boolean =>
  parts(left).some((one) => parts(right).some((other) => majoritiesOverlap(one, other)));

const parts = (membership: Membership): readonly (readonly Member[])[] =>
  membership.outgoing.length === 0 ? [membership.voters] : [membership.voters, membership.outgoing];

const majoritiesOverlap = (left: readonly Member[], right: readonly Member[]): boolean => {
  const union = new Set([...left, ...right].map(({ id }) => id)).size;
  return majority(left.length) + majority(right.length) > union;
};

/** Short form for traces: voters, outgoing after a slash, learners after a plus. */
export const describeMembership = (membership: Membership): string => {
  const names = (members: readonly Member[]): string => members.map(({ id }) => id).join(",");
  const outgoing = membership.outgoing.length > 0 ? `/${names(membership.outgoing)}` : "";
  const next = membership.learnersNext.length > 0 ? `→${names(membership.learnersNext)}` : "";
  const learners = membership.learners.length > 0 ? `+${names(membership.learners)}` : "";
  return `{${names(membership.voters)}${outgoing}${next}${learners}}`;
};
