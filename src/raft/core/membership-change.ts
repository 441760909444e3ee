// Changes of the configuration (chapter 4): one at a time, by joint consensus where voters change,
// left by the leader itself as soon as the joint configuration is committed.
import { invariant } from "./errors.js";
import { appendAsLeader } from "./leader-log.js";
import { encodeMembership, has, isJoint, isVoter } from "./membership.js";
import { maybeConfirmReads } from "./read-index.js";
import { becomeFollower } from "./roles.js";
import type {
  MemberChange,
  MembershipRefusal,
  ProposeMembershipResult,
  Refused,
} from "./results.js";
import type { RaftState } from "./state.js";
import type { Entry, Member, Membership, NodeId } from "./types.js";

/** Proposes several changes as one. */
export function proposeMembership(
  state: RaftState,
  changes: readonly MemberChange[],
): ProposeMembershipResult {
  const { leadership, log, memberships } = state;
  const refuse = (reason: MembershipRefusal): Refused<MembershipRefusal> => ({
    kind: "refused",
    reason,
    leader: state.leader,
  });
  if (leadership === undefined) return refuse("not-leader");
  if (leadership.transfer !== undefined) return refuse("transferring");
  // Else a predecessor's change could come back and overlap with this one.
  if (log.commit < leadership.termStart) return refuse("term-not-committed");
  const { index, membership } = memberships.current;
  if (index > log.commit || isJoint(membership)) return refuse("change-in-progress");
  const changed = changeMembership(membership, changes);
  if (typeof changed === "string") return refuse(changed);
  const entry = enter(state, changed);
  return { kind: "accepted", index: entry.index, term: entry.term };
}

/**
 * What the configuration becomes: joint where the set of voters changes, else the new one at once.
 * `from` is not joint.
 */
export function changeMembership(
  from: Membership,
  changes: readonly MemberChange[],
): Membership | "unknown-member" | "duplicate-member" | "no-voters" | "no-change" {
  const voters = byId(from.voters);
  const learners = byId(from.learners);
  const named = new Set<NodeId>();
  for (const change of changes) {
    const id = change.kind === "remove" ? change.id : change.member.id;
    if (named.has(id)) return "duplicate-member";
    named.add(id);
    switch (change.kind) {
      case "add-voter":
        learners.delete(id);
        voters.set(id, change.member);
        break;
      case "add-learner":
        voters.delete(id);
        learners.set(id, change.member);
        break;
      case "remove":
        if (!voters.delete(id) && !learners.delete(id)) return "unknown-member";
        break;
    }
  }
  if (voters.size === 0) return "no-voters";
  if (isEqual(voters, byId(from.voters)) && isEqual(learners, byId(from.learners))) {
    return "no-change";
  }
  const newVoters = [...voters.values()];
  const newLearners = [...learners.values()];
  if (voters.size === from.voters.length && from.voters.every(({ id }) => voters.has(id))) {
    return { voters: newVoters, outgoing: [], learners: newLearners, learnersNext: [] };
  }
  return {
    voters: newVoters,
    outgoing: from.voters,
    learners: newLearners.filter(({ id }) => !has(from.voters, id)),
    learnersNext: newLearners.filter(({ id }) => has(from.voters, id)),
  };
}

/** The configuration after a joint one. */
export function leaveJoint(joint: Membership): Membership {
  return {
    voters: joint.voters,
    outgoing: [],
    learners: [...joint.learners, ...joint.learnersNext],
    learnersNext: [],
  };
}

/** Something was committed: leaves a joint configuration, or this server if it was removed. */
export function maybeAdvanceMembership(state: RaftState): void {
  const { index, membership } = state.memberships.current;
  if (index > state.log.commit) return;
  if (isJoint(membership)) {
    enter(state, leaveJoint(membership));
  } else if (!isVoter(membership, state.id)) {
    stepDownRemoved(state);
  }
}

/** In force from here on; reads may be waiting for servers that count no longer. */
function enter(state: RaftState, membership: Membership): Entry {
  const [entry] = appendAsLeader(state, "membership", [encodeMembership(membership)]);
  invariant(entry !== undefined, "one entry was appended");
  maybeConfirmReads(state);
  return entry;
}

/** It led until its removal was committed (§4.2.2); the best follower campaigns at once. */
function stepDownRemoved(state: RaftState): void {
  const { leadership, log, memberships } = state;
  invariant(leadership !== undefined, "only a leader steps down");
  const successor = memberships.current.membership.voters.find(
    ({ id }) => leadership.peers.get(id)?.match === log.lastIndex,
  );
  if (successor !== undefined) {
    const { id, term } = state;
    state.outbox.send({ kind: "timeout-now", from: id, to: successor.id, term });
  }
  becomeFollower(state, state.term, undefined);
}

/**
 * Stops tracking removed servers that can know of it. One that does not answer is left to find out
 * by itself: nobody votes for it.
 */
export function tickDeparted(state: RaftState): void {
  const { leadership, log, config } = state;
  if (leadership === undefined) return;
  for (const [id, progress] of leadership.peers) {
    const { departsAt } = progress;
    if (departsAt === undefined || departsAt > log.commit) continue;
    progress.departedTicks += 1;
    const isTold = progress.match >= departsAt && progress.sentCommit >= departsAt;
    if (isTold || progress.departedTicks >= 2 * config.electionTicks) leadership.peers.delete(id);
  }
}

function byId(members: readonly Member[]): Map<NodeId, Member> {
  return new Map(members.map((member) => [member.id, member]));
}

function isEqual(a: ReadonlyMap<NodeId, Member>, b: ReadonlyMap<NodeId, Member>): boolean {
  return a.size === b.size && [...a].every(([id, { address }]) => b.get(id)?.address === address);
}
