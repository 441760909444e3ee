// While this node leads, keeps the membership as it should be: strangers become learners, learners
// take the place of voters that are missing, dead or drained. What is due is decided in
// membership-plan.ts; here it is carried out, one change at a time.
import type { RegistryView } from "../../discovery/registry-watch.js";
import type { DrainTable } from "../../queue/state/drain-table.js";
import { FIRST_VERSION, type MeshVersion } from "../../queue/state/mesh-version.js";
import type { AttachedWorker } from "../../queue/leader/worker-directory.js";
import {
  nodeId,
  NodeStopped,
  ProposalLost,
  ProposalRefused,
  type RaftNode,
  type RaftStatus,
} from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";
import { type Joining, JoinRequests } from "./join-requests.js";
import { type MemberState, MemberWatch } from "./member-watch.js";
import {
  type MemberSight,
  type MembershipRules,
  type MembershipSight,
  type MembershipStep,
  planMembership,
} from "./membership-plan.js";

/** Election timeouts without an answer after which a member counts as silent. */
const SILENT_TIMEOUTS = 2;
/** Election timeouts that a member must have been answering for before a change relies on it. */
const STEADY_TIMEOUTS = 4;
/** Looks in one election timeout: whether a follower answered is asked anew with each. */
const LOOKS_PER_TIMEOUT = 4;
/** A longer pause between two looks is this process's own: nobody is silent for it. */
const MAX_LOOKS_MISSED = 2;

const ITSELF: MemberState = { alive: true, aliveForMs: Infinity, silentForMs: 0, caughtUp: true };

export interface MembershipKeeperOptions {
  readonly meshId: string;
  readonly raft: RaftNode;
  readonly registry: RegistryView;
  readonly drains: DrainTable;
  readonly version: Pick<MeshVersion, "active">;
  /** Messages can be sent to the member. */
  readonly isConnected: (id: string) => boolean;
  /** Workers as the leader knows them; undefined while this node's leader is not open. */
  readonly workers: () => { get(id: string): AttachedWorker | undefined } | undefined;
  readonly rules: Omit<MembershipRules, "steadyMs">;
  /** Minimum time without a leader before an election. */
  readonly electionMs: number;
  readonly logger: Logger;
}

export class MembershipKeeper {
  readonly #options: MembershipKeeperOptions;
  readonly #stopWatching: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #lookMs: number;
  readonly #joins = new JoinRequests();
  #watch: { readonly term: number; readonly members: MemberWatch } | undefined;
  #lookedAtMs = performance.now();
  #busy = false;

  constructor(options: MembershipKeeperOptions) {
    this.#options = options;
    this.#lookMs = options.electionMs / LOOKS_PER_TIMEOUT;
    this.#timer = setInterval(() => this.#look(), this.#lookMs);
    this.#stopWatching = options.registry.onChange(() => this.check());
  }

  /**
   * Takes in a process without a log, under a name that may be that of a member: that one is removed
   * first. Resolves when it is a learner, or after a while with what is waited for.
   */
  join(request: Joining & { readonly speaks: number }): Promise<string | undefined> {
    const { version } = this.#options;
    if (Math.max(FIRST_VERSION, request.speaks) < version.active) {
      return Promise.resolve(
        `the mesh speaks version ${version.active}, and ${request.id} understands up to ` +
          `${Math.max(FIRST_VERSION, request.speaks)}: start a later release of it`,
      );
    }
    const answer = this.#joins.ask(request, () => this.#obstacle(request.id));
    this.check();
    return answer;
  }

  /** The registry, the leader or a decision to drain may have changed. */
  check(): void {
    if (this.#busy) return;
    const sight = this.#sight();
    if (sight === undefined) return;
    const { rules, electionMs } = this.#options;
    const steadyMs = STEADY_TIMEOUTS * electionMs;
    const step = planMembership(sight, { ...rules, steadyMs });
    if (step === undefined) return;
    this.#busy = true;
    void this.#take(step).then((taken) => {
      this.#busy = false;
      if (taken) this.check();
    });
  }

  /** Changes nothing any more, and refuses whoever waits to join. */
  stop(): void {
    clearInterval(this.#timer);
    this.#stopWatching();
    this.#joins.close();
  }

  #look(): void {
    const nowMs = performance.now();
    const elapsedMs = Math.min(nowMs - this.#lookedAtMs, MAX_LOOKS_MISSED * this.#lookMs);
    this.#lookedAtMs = nowMs;
    const status = this.#options.raft.status();
    if (status.role !== "leader") {
      this.#watch = undefined;
      return;
    }
    this.#members(status.term).observe(status, elapsedMs);
    this.check();
  }

  #members(term: number): MemberWatch {
    const { electionMs } = this.#options;
    if (this.#watch?.term !== term) {
      const watch = { aliveWithinMs: SILENT_TIMEOUTS * electionMs, roundMs: electionMs };
      this.#watch = { term, members: new MemberWatch(watch) };
    }
    return this.#watch.members;
  }

  /** Undefined where this node cannot tell, or the last change is still under way. */
  #sight(): MembershipSight | undefined {
    const { raft, meshId, registry, drains } = this.#options;
    // An open leader has applied all that was committed before its term, decisions to drain among it.
    if (this.#options.workers() === undefined) return undefined;
    const status = raft.status();
    const { voters, learners, outgoing } = status.membership;
    if (status.role !== "leader" || outgoing.length > 0 || status.membershipIndex > status.commit) {
      return undefined;
    }
    const members = [
      ...voters.map((member) => this.#memberSight(member, true, status)),
      ...learners.map((member) => this.#memberSight(member, false, status)),
    ];
    const known = new Set(members.map(({ id }) => id));
    const strangers = new Map(this.#joins.all().map(({ id, address }) => [id, { id, address }]));
    for (const { id, address, meshId: theirs, startedAtMs } of registry.records()) {
      if (theirs === meshId && !drains.holds(id, startedAtMs)) strangers.set(id, { id, address });
    }
    return {
      leaderId: status.id,
      members,
      strangers: [...strangers.values()].filter(({ id }) => !known.has(id)),
    };
  }

  #memberSight(
    { id, address }: { readonly id: string; readonly address: string },
    voter: boolean,
    status: RaftStatus,
  ): MemberSight {
    const { registry, meshId, drains } = this.#options;
    const record = registry.get(id);
    const registered = record?.meshId === meshId;
    const worker = this.#options.workers()?.get(id);
    const hello = worker?.connected === true ? worker.hello : undefined;
    const process = hello?.startedAtMs ?? (registered ? record.startedAtMs : undefined);
    const isReadable = registered && registry.redisReachable;
    return {
      id,
      address,
      voter,
      ...(id === status.id ? ITSELF : this.#stateOf(id, status.term)),
      draining: drains.holds(id, process),
      registered,
      saysAddress: hello?.address ?? (isReadable ? record.address : undefined),
      lostState: this.#joins.has(id),
    };
  }

  /** A broken connection tells sooner than its silence that a process has ended. */
  #stateOf(id: string, term: number): MemberState {
    const state = this.#members(term).stateOf(id);
    return { ...state, alive: state.alive && this.#options.isConnected(id) };
  }

  async #take({ reason, ids, changes }: MembershipStep): Promise<boolean> {
    const { raft, logger } = this.#options;
    try {
      const logIndex = await raft.changeMembership(changes);
      logger.info({ reason, members: ids, logIndex }, "the membership changed");
      if (reason === "joined") for (const id of ids) this.#joins.admitted(id);
      return true;
    } catch (error) {
      // Refused, or lost with the leadership: the next look tries again, here or there.
      const isExpected =
        error instanceof ProposalRefused ||
        error instanceof ProposalLost ||
        error instanceof NodeStopped;
      if (!isExpected) throw error;
      logger.debug({ err: error, reason, members: ids }, "the membership did not change");
      return false;
    }
  }

  /** Why a process under this name cannot join yet. */
  #obstacle(id: string): string {
    const { membership, role, term } = this.#options.raft.status();
    const has = (members: readonly { readonly id: string }[]): boolean =>
      members.some((member) => member.id === nodeId(id));
    if (role !== "leader") return "the node that was asked does not lead any more";
    if (!has(membership.voters) && !has(membership.learners)) {
      return "its admission is not committed yet";
    }
    return this.#stateOf(id, term).alive
      ? `another process answers as ${id}: end it, or start this one under another id`
      : `the ${id} of before cannot be removed while a majority of the voters does not answer`;
  }
}
