// Which change of the membership is due, if any: a pure decision on what the leader sees. One step at
// a time, and never one that a majority of the old voters and of the new ones could not carry.
import { type MemberChange, type NodeId, nodeId } from "../../raft/index.js";

/** A member as the leader sees it. */
export interface MemberSight {
  readonly id: string;
  /** As the membership has it. */
  readonly address: string;
  readonly voter: boolean;
  /** It answers; the leader itself always does. */
  readonly alive: boolean;
  /** How long it has been answering without a gap; 0 where it does not. Infinite of the leader. */
  readonly aliveForMs: number;
  /** How long it has not been answering; 0 where it does. */
  readonly silentForMs: number;
  /** Its log is as good as the leader's (§4.2.1); of a learner. */
  readonly caughtUp: boolean;
  /** The process that runs, or ran last, under this name is to leave. */
  readonly draining: boolean;
  /** Its process is in the registry. */
  readonly registered: boolean;
  /** Where it says that it is reached, where it says so. */
  readonly saysAddress: string | undefined;
  /** A process with an empty log asks to join under this name: what the member promised is lost. */
  readonly lostState: boolean;
}

/** A node that belongs to the mesh and is no member; drained ones are none. */
export interface Stranger {
  readonly id: string;
  readonly address: string;
}

export interface MembershipSight {
  readonly leaderId: string;
  readonly members: readonly MemberSight[];
  readonly strangers: readonly Stranger[];
}

export interface MembershipRules {
  /** Voters that there should be; odd. */
  readonly voters: number;
  /** How long a member must have been answering before a change may rely on it. */
  readonly steadyMs: number;
  readonly replaceVoterAfterMs: number;
  readonly removeLearnerAfterMs: number;
}

/** Why the membership changes, for the log. */
export type MembershipReason =
  | "address-changed"
  | "joined"
  | "state-lost"
  | "voter-dead"
  | "drained"
  | "voters-missing"
  | "voters-surplus"
  | "learner-gone";

export interface MembershipStep {
  readonly reason: MembershipReason;
  readonly ids: readonly string[];
  readonly changes: readonly MemberChange[];
}

/** The next step, or undefined where all is as it should be, or nothing can be done safely. */
export function planMembership(
  sight: MembershipSight,
  rules: MembershipRules,
): MembershipStep | undefined {
  const plan = new Plan(sight, rules);
  // What lets nodes reach one another goes first, then what gives back lost tolerance of losses.
  return (
    plan.readdress() ??
    plan.replaceForgetful() ??
    plan.admit() ??
    plan.replaceDead() ??
    plan.retireDrained() ??
    plan.promote() ??
    plan.demoteSurplus() ??
    plan.removeGone()
  );
}

class Plan {
  readonly #sight: MembershipSight;
  readonly #rules: MembershipRules;
  readonly #voters: readonly MemberSight[];
  readonly #learners: readonly MemberSight[];

  constructor(sight: MembershipSight, rules: MembershipRules) {
    this.#sight = sight;
    this.#rules = rules;
    this.#voters = sight.members.filter(({ voter }) => voter);
    this.#learners = sight.members.filter(({ voter }) => !voter);
  }

  readdress(): MembershipStep | undefined {
    const moved = this.#sight.members.filter(
      ({ address, saysAddress }) => saysAddress !== undefined && saysAddress !== address,
    );
    return step(
      "address-changed",
      moved.map(({ id, address, voter, saysAddress }) => ({
        kind: voter ? "add-voter" : "add-learner",
        member: { id: nodeId(id), address: saysAddress ?? address },
      })),
    );
  }

  /**
   * A voter that has lost its log must leave before it may come back: with an empty log it would
   * vote for servers that lack what it once acknowledged. Its old process may still answer.
   */
  replaceForgetful(): MembershipStep | undefined {
    const forgetful = this.#sight.members.find(({ lostState, alive }) => lostState && !alive);
    if (forgetful === undefined) return undefined;
    return this.#replace("state-lost", forgetful, remove(forgetful));
  }

  admit(): MembershipStep | undefined {
    return step(
      "joined",
      this.#sight.strangers.map(({ id, address }) => ({
        kind: "add-learner",
        member: { id: nodeId(id), address },
      })),
    );
  }

  /** Only where a learner takes its place: a dead voter that stays costs no more than its loss. */
  replaceDead(): MembershipStep | undefined {
    const [dead] = this.#voters
      .filter(({ silentForMs }) => silentForMs >= this.#rules.replaceVoterAfterMs)
      .sort((a, b) => b.silentForMs - a.silentForMs);
    const successor = this.#promotable()[0];
    if (dead === undefined || successor === undefined) return undefined;
    // Of more than there should be it is the first to go, and nobody takes its place.
    const others = this.#voters.filter((one) => one !== dead && !one.draining);
    if (others.length >= this.#rules.voters) return undefined;
    return this.#ifSafe("voter-dead", [remove(dead), promotion(successor)]);
  }

  /**
   * A voter that is drained learns on: it still runs, and its answer to people is its log. It votes
   * until a learner that is on its way can take its place, so that no loss more is risked meanwhile.
   */
  retireDrained(): MembershipStep | undefined {
    const isEnough = this.#voters.length > this.#rules.voters;
    if (!isEnough && this.#promotable().length === 0 && this.#isSuccessorOnItsWay()) {
      return undefined;
    }
    for (const drained of this.#voters) {
      // The leader hands over first; the next one retires it.
      if (!drained.draining || drained.id === this.#sight.leaderId) continue;
      const retired = this.#replace("drained", drained, demotion(drained));
      if (retired !== undefined) return retired;
    }
    return undefined;
  }

  promote(): MembershipStep | undefined {
    const [successor] = this.#promotable();
    const staying = this.#voters.filter(({ draining }) => !draining);
    if (successor === undefined || staying.length >= this.#rules.voters) return undefined;
    return this.#ifSafe("voters-missing", [promotion(successor)]);
  }

  /** After the configuration was changed to fewer. */
  demoteSurplus(): MembershipStep | undefined {
    // Drained ones leave anyway, and may have been outnumbered on purpose before that.
    const staying = this.#voters.filter(({ draining }) => !draining);
    if (staying.length <= this.#rules.voters) return undefined;
    const [surplus] = staying
      .filter(({ id }) => id !== this.#sight.leaderId)
      .sort((a, b) => Number(a.alive) - Number(b.alive) || (a.id < b.id ? 1 : -1));
    return surplus === undefined ? undefined : this.#ifSafe("voters-surplus", [demotion(surplus)]);
  }

  removeGone(): MembershipStep | undefined {
    const gone = this.#learners.filter(
      ({ alive, draining, registered, silentForMs }) =>
        !registered && !alive && (draining || silentForMs >= this.#rules.removeLearnerAfterMs),
    );
    return step("learner-gone", gone.map(remove));
  }

  /** One voter leaves; a learner takes its place in the same step where that gives enough voters. */
  #replace(
    reason: MembershipReason,
    leaving: MemberSight,
    leave: MemberChange,
  ): MembershipStep | undefined {
    const [successor] = this.#promotable();
    const enough = this.#voters.length > this.#rules.voters;
    if (!leaving.voter || successor === undefined || enough) return this.#ifSafe(reason, [leave]);
    return this.#ifSafe(reason, [leave, promotion(successor)]);
  }

  /** Learners that may vote, the longest reachable first. */
  #promotable(): readonly MemberSight[] {
    return this.#learners
      .filter(
        (learner) =>
          this.#isSteady(learner) && learner.caughtUp && !learner.draining && !learner.lostState,
      )
      .sort((a, b) => b.aliveForMs - a.aliveForMs || (a.id < b.id ? -1 : 1));
  }

  /** Also one that a new leader has not heard of yet. */
  #isSuccessorOnItsWay(): boolean {
    return this.#learners.some(
      ({ silentForMs, draining, lostState }) =>
        silentForMs < this.#rules.replaceVoterAfterMs && !draining && !lostState,
    );
  }

  /**
   * A joint configuration is left only when a majority of both sides has it (§4.3), and there is no
   * way back from one: a new leader looks for a while who answers, before it changes who votes.
   */
  #ifSafe(reason: MembershipReason, changes: readonly MemberChange[]): MembershipStep | undefined {
    const steady = new Set(
      this.#sight.members.flatMap((member) => (this.#isSteady(member) ? [member.id] : [])),
    );
    const before = this.#voters.map(({ id }) => id);
    const after = votersAfter(before, changes);
    const carries = (voters: readonly string[]): boolean =>
      2 * voters.filter((id) => steady.has(id)).length > voters.length;
    return carries(before) && carries(after) ? step(reason, changes) : undefined;
  }

  #isSteady({ alive, aliveForMs }: MemberSight): boolean {
    return alive && aliveForMs >= this.#rules.steadyMs;
  }
}

/** Ids of the voters once the changes are made. */
export function votersAfter(
  before: readonly string[],
  changes: readonly MemberChange[],
): readonly string[] {
  const voters = new Set(before);
  for (const change of changes) {
    if (change.kind === "add-voter") voters.add(change.member.id);
    else voters.delete(change.kind === "remove" ? change.id : change.member.id);
  }
  return [...voters];
}

function step(
  reason: MembershipReason,
  changes: readonly MemberChange[],
): MembershipStep | undefined {
  if (changes.length === 0) return undefined;
  const ids = changes.map((change) => idOf(change));
  return { reason, ids, changes };
}

function idOf(change: MemberChange): NodeId {
  return change.kind === "remove" ? change.id : change.member.id;
}

const remove = ({ id }: MemberSight): MemberChange => ({ kind: "remove", id: nodeId(id) });

const promotion = ({ id, address }: MemberSight): MemberChange => ({
  kind: "add-voter",
  member: { id: nodeId(id), address },
});

const demotion = ({ id, address }: MemberSight): MemberChange => ({
  kind: "add-learner",
  member: { id: nodeId(id), address },
});
