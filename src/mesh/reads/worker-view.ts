// The workers as the leader knows them, for people: members of the mesh, with what runs on each.
import {
  NodeRole,
  type Worker,
  WorkerReachability,
  WorkerState,
} from "../../gen/mesh/v1/cluster_service.js";
import type { QueueLeader } from "../../queue/leader/leader.js";
import type { AttachedWorker, Reachability } from "../../queue/leader/worker-directory.js";
import type { RaftNode } from "../../raft/index.js";
import type { QueueMachine } from "../../queue/state/queue-machine.js";

const { UNSPECIFIED, DIRECT, THROUGH_PEERS, NONE } = WorkerReachability;
const REACHABILITY: Readonly<Record<Reachability, WorkerReachability>> = {
  direct: DIRECT,
  "through-peers": THROUGH_PEERS,
  none: NONE,
};

export interface WorkerViewOptions {
  readonly raft: RaftNode;
  /** `leader` is undefined where this node does not lead. */
  readonly leadership: { readonly leader: Pick<QueueLeader, "workers"> | undefined };
  readonly machine: QueueMachine;
  readonly addressOf: (nodeId: string) => string | undefined;
  /** How far its clock is ahead of real time; undefined where that is not known. */
  readonly clockAheadMs: (nodeId: string) => number | undefined;
}

export class WorkerView {
  readonly #options: WorkerViewOptions;
  constructor(options: WorkerViewOptions) {
    this.#options = options;
  }

  /** Every member of the mesh, by id; what only the leader knows is blank on another node. */
  list(): Worker[] {
    const { raft, leadership } = this.#options;
    const { membership } = raft.status();
    const ids = [...membership.voters, ...membership.learners].map(({ id }) => String(id));
    const workers = leadership.leader?.workers;
    return ids.sort().map((id) => this.#describe(id, workers?.get(id)));
  }

  #describe(id: string, attached: AttachedWorker | undefined): Worker {
    const { machine, addressOf, clockAheadMs } = this.#options;
    const hello = attached?.hello;
    return {
      id,
      address: hello?.address ?? addressOf(id) ?? "",
      role: this.roleOf(id),
      state: this.#stateOf(id, attached),
      concurrency: hello?.concurrency ?? 0,
      running: machine.table.countOfNode(id),
      ...machine.statistics.of(id),
      labels: hello?.labels ?? [],
      types: hello?.types ?? [],
      lastSeenMs: attached === undefined ? 0 : wallMs(attached.lastGrantMs),
      host: hello?.host ?? "",
      pid: hello?.pid ?? 0,
      version: hello?.version ?? "",
      relativeServiceTime: attached?.pace.overall ?? 1,
      stalls: hello?.stalls ?? 0,
      longestStallMs: hello?.longestStallMs ?? 0,
      heldTypes: hello?.heldTypes ?? [],
      handlerTrouble: hello?.handlerTrouble ?? "",
      blockingTypes: hello?.blockingTypes ?? [],
      reachability: attached === undefined ? UNSPECIFIED : REACHABILITY[attached.reachability],
      clockAheadMs: clockAheadMs(id),
    };
  }

  #stateOf(id: string, attached: AttachedWorker | undefined): WorkerState {
    const { raft, leadership, machine } = this.#options;
    if (this.isToLeave(id)) {
      const { voters, outgoing } = raft.status().membership;
      const votes = [...voters, ...outgoing].some((member) => member.id === id);
      const isDone = !votes && machine.table.countOfNode(id) === 0;
      return isDone ? WorkerState.DRAINED : WorkerState.DRAINING;
    }
    // A frozen node keeps its connection and lets its lease run out: that is "silent".
    if (attached?.connected !== true || attached.silent) return WorkerState.LOST;
    const draining = leadership.leader?.workers.isDraining(attached) ?? attached.draining;
    return draining ? WorkerState.DRAINING : WorkerState.ACTIVE;
  }

  /** It is decided that the node is to leave. */
  isToLeave(id: string): boolean {
    const { leadership, machine } = this.#options;
    return machine.drains.holds(id, leadership.leader?.workers.get(id)?.hello.startedAtMs);
  }

  /** Start of the process that is known under this id; 0 where none is. */
  processOf(id: string): number {
    return this.#options.leadership.leader?.workers.get(id)?.hello.startedAtMs ?? 0;
  }

  /** Role of a member, as this node knows it. */
  roleOf(id: string): NodeRole {
    const { raft } = this.#options;
    const { membership } = raft.status();
    if (membership.learners.some((member) => member.id === id)) return NodeRole.LEARNER;
    return raft.softState.leader === id ? NodeRole.LEADER : NodeRole.FOLLOWER;
  }
}

/** The leader's monotonic clock as a time of day. */
function wallMs(monotonicMs: number): number {
  return Math.round(Date.now() - (performance.now() - monotonicMs));
}
