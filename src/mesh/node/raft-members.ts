// Who is in the configuration that a node's Raft has in force.
import type { Member, RaftNode } from "../../raft/index.js";

/** host:port of a member, as the configuration has it. */
export function memberAddress(raft: RaftNode, id: string): string | undefined {
  return members(raft).find((member) => member.id === id)?.address;
}

/** Voters and learners, each once. */
export function members(raft: RaftNode): readonly Member[] {
  return [...voters(raft), ...raft.status().membership.learners];
}

/** Of both configurations while they change. */
export function voters(raft: RaftNode): readonly Member[] {
  const { voters: incoming, outgoing } = raft.status().membership;
  const ids = new Set(incoming.map(({ id }) => id));
  return [...incoming, ...outgoing.filter(({ id }) => !ids.has(id))];
}
