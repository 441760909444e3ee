// The nodes that take work, as the leader knows them: what they can run, how many slots are free,
// and when a silent one may be taken for lost. One directory per leader's term.
import { DrainTable } from "../state/drain-table.js";
import type { Candidate } from "../balancing/candidate.js";
import type { BalancerPolicy, Opening } from "../balancing/policy.js";
import { NodePace, ServiceTimes } from "../balancing/service-times.js";
import type { TaskReport, WorkerHello } from "../../gen/mesh/v1/worker_service.js";
import type { NodeStanding } from "../why/node-reasons.js";
import type { Loss } from "../task/attempt-ending.js";

/** Clocks of two machines may run apart; the leader waits this much longer than the lease. */
const LEASE_MARGIN = 0.25;

/** With attempts shorter than this, how soon a slot is filled again decides how many a node runs. */
const SHORT_ATTEMPT_MS = 50;
/** Share of its slots that a node keeps, however far it is ahead of the others. */
const AHEAD_SHARE = 0.5;
/** Weight of the newest attempt in a node's mean duration. */
const DURATION_WEIGHT = 0.05;
/** What is left of the recent assignments after one `review`. */
const DECAY = 0.95;

/** Who gets an answer from a node that is probed: this leader, only other nodes, nobody. */
export type Reachability = "direct" | "through-peers" | "none";

export interface AttachedWorker extends Candidate {
  hello: WorkerHello;
  connected: boolean;
  /** It has been granted a lease since it attached: what is assigned before that it would hand back. */
  leased: boolean;
  /** Its stream stands, but it has let its lease run out: frozen, or cut off unseen. */
  silent: boolean;
  reachability: Reachability;
  /** Leader's monotonic clock when it last granted a lease, or attached. */
  lastGrantMs: number;
  running: number;
  draining: boolean;
  /** Assignments of about the last two seconds. */
  recentAssignments: number;
  /** Moving mean of how long attempts took. */
  meanAttemptMs: number;
}

export class WorkerDirectory {
  readonly #leaseMs: number;
  readonly #termStartMs: number;
  readonly #handoverMs: number;
  readonly #drains: Pick<DrainTable, "holds">;
  readonly #workers = new Map<string, AttachedWorker>();
  readonly #serviceTimes = new ServiceTimes();

  /**
   * All times are of one monotonic clock: the wall clock may jump, and leases must not run out by it.
   *
   * @param termStartMs when the leader was elected
   * @param handoverMs how long an earlier leader may have granted leases after that
   * @param drains decisions of the log that nodes are to leave
   */
  constructor(
    leaseMs: number,
    termStartMs: number,
    handoverMs: number,
    drains: Pick<DrainTable, "holds"> = new DrainTable(),
  ) {
    this.#leaseMs = leaseMs;
    this.#termStartMs = termStartMs;
    this.#handoverMs = handoverMs;
    this.#drains = drains;
  }

  all(): Iterable<AttachedWorker> {
    return this.#workers.values();
  }

  get(id: string): AttachedWorker | undefined {
    return this.#workers.get(id);
  }

  /** @param running tasks that the table knows on the node */
  attach(hello: WorkerHello, running: number, nowMs: number): AttachedWorker {
    const known = this.#workers.get(hello.nodeId);
    const { draining } = hello;
    if (known !== undefined) {
      known.hello = hello;
      known.connected = true;
      known.leased = false;
      known.silent = false;
      known.reachability = "direct";
      known.draining = draining;
      known.lastGrantMs = nowMs;
      return known;
    }
    const worker: AttachedWorker = {
      id: hello.nodeId,
      hello,
      connected: true,
      leased: false,
      silent: false,
      reachability: "direct",
      lastGrantMs: nowMs,
      running,
      draining,
      recentAssignments: 0,
      meanAttemptMs: SHORT_ATTEMPT_MS,
      pace: new NodePace(),
    };
    this.#workers.set(hello.nodeId, worker);
    return worker;
  }

  detach(id: string): void {
    const worker = this.#workers.get(id);
    if (worker !== undefined) worker.connected = false;
  }

  granted(id: string, nowMs: number): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    worker.lastGrantMs = nowMs;
    worker.leased = true;
    worker.silent = false;
    worker.reachability = "direct";
  }

  /**
   * What probing the node has shown. A node that only others reach gets no work from this leader.
   */
  noteReachability(id: string, reachability: Reachability): void {
    const worker = this.#workers.get(id);
    if (worker !== undefined) worker.reachability = reachability;
  }

  /** It has given up its lease: nothing is given to it until it has a new one. */
  revoked(id: string): void {
    const worker = this.#workers.get(id);
    if (worker !== undefined) worker.leased = false;
  }

  /** Passes over the nodes that are lost by now, until they ask for a lease again. */
  noteSilent(nowMs: number): void {
    for (const worker of this.#workers.values()) worker.silent = this.isLost(worker.id, nowMs);
  }

  /** It is decided, and soon committed, that the node is to leave. */
  drain(id: string): void {
    const worker = this.#workers.get(id);
    if (worker !== undefined) worker.draining = true;
  }

  /** Whether it is given work at all, as soon as a slot is free. */
  takesWork(worker: AttachedWorker): boolean {
    const { connected, leased, silent, reachability } = worker;
    const isHeard = connected && !silent && reachability === "direct";
    return isHeard && leased && !this.isDraining(worker);
  }

  /** In one word, for people. */
  stateOf(worker: AttachedWorker): NodeStanding["state"] {
    if (!worker.connected || worker.silent) return "lost";
    if (this.isDraining(worker)) return "draining";
    return worker.leased ? "active" : "joining";
  }

  /** The nodes that take work now, each with the slots that it may fill. */
  openings(policy: Pick<BalancerPolicy, "shareOf">): Opening[] {
    const perShare = this.#recentPerShare(policy);
    const openings: Opening[] = [];
    for (const worker of this.#workers.values()) {
      if (!this.takesWork(worker)) continue;
      const { concurrency } = worker.hello;
      const lead = leadOf(worker, policy.shareOf(worker), perShare);
      const heldBack = Math.min(lead, concurrency * (1 - AHEAD_SHARE));
      const freeSlots = Math.ceil(concurrency - heldBack) - worker.running;
      if (freeSlots > 0) openings.push({ worker, freeSlots });
    }
    return openings;
  }

  /** How every node stands that has attached in this term, to explain why a task waits. */
  standings(policy: Pick<BalancerPolicy, "shareOf">): NodeStanding[] {
    const free = new Map(
      this.openings(policy).map(({ worker, freeSlots }) => [worker.id, freeSlots]),
    );
    return Array.from(this.#workers.values(), (worker) => ({
      node: worker,
      state: this.stateOf(worker),
      takesWork: this.takesWork(worker),
      freeSlots: free.get(worker.id) ?? 0,
    }));
  }

  /** Takes no more work: it is being stopped, or is to leave. */
  isDraining({ id, draining, hello }: AttachedWorker): boolean {
    return draining || this.#drains.holds(id, hello.startedAtMs);
  }

  /** Recent assignments for each unit of a share, over the mesh. */
  #recentPerShare(policy: Pick<BalancerPolicy, "shareOf">): number {
    let recent = 0;
    let shares = 0;
    for (const worker of this.#workers.values()) {
      if (!worker.connected) continue;
      recent += worker.recentAssignments;
      shares += policy.shareOf(worker) ?? 0;
    }
    return shares === 0 ? 0 : recent / shares;
  }

  /** An attempt at a task of this type has ended on the node. */
  reported(id: string, type: string, { outcome, startedAtMs, finishedAtMs }: TaskReport): void {
    const worker = this.#workers.get(id);
    if (worker === undefined || outcome?.$case === "handedBack") return;
    const durationMs = Math.max(0, finishedAtMs - startedAtMs);
    worker.meanAttemptMs += DURATION_WEIGHT * (durationMs - worker.meanAttemptMs);
    this.#serviceTimes.took(worker.pace, type, durationMs, outcome?.$case === "result");
  }

  /**
   * Called at a steady pace: what was assigned long ago counts less and less, and the nodes' service
   * times are compared anew.
   */
  review(): void {
    for (const worker of this.#workers.values()) worker.recentAssignments *= DECAY;
    const connected = [...this.#workers.values()].filter((worker) => worker.connected);
    this.#serviceTimes.compare(connected.map(({ pace }) => pace));
  }

  occupied(id: string, change: 1 | -1): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    worker.running += change;
    if (change > 0) worker.recentAssignments += 1;
  }

  /** Every type that a live node handles, by name. */
  types(): readonly string[] {
    const connected = [...this.#workers.values()].filter((worker) => worker.connected);
    return [...new Set(connected.flatMap(({ hello }) => hello.types))].sort();
  }

  /** Whether a live node handles the type, free or not. */
  handles(type: string): boolean {
    for (const worker of this.#workers.values()) {
      if (worker.connected && worker.hello.types.includes(type)) return true;
    }
    return false;
  }

  /**
   * Whether the lease of the node has surely run out, so that its tasks may be given away. A node
   * that never attached in this term may hold one of an earlier leader.
   */
  isLost(id: string, nowMs: number): boolean {
    const leaseMs = this.#leaseMs * (1 + LEASE_MARGIN);
    const worker = this.#workers.get(id);
    if (worker === undefined) return nowMs - this.#termStartMs > this.#handoverMs + leaseMs;
    return nowMs - worker.lastGrantMs > leaseMs;
  }

  /**
   * How a lost node was lost. The system ends the connections of a process that ends: one that stands
   * says that the process lives. A node that has not attached in this term may have ended before.
   */
  lossOf(id: string): Loss {
    return this.#workers.get(id)?.connected === true ? "lapsed" : "gone";
  }
}

/**
 * How many more tasks than its share the node got of late, 0 where attempts are long. The node nearest
 * to the leader gets its slots filled soonest, and with short attempts that alone would make it run far
 * more than the others: each task of its lead holds one of its slots back.
 */
function leadOf(worker: AttachedWorker, share: number | undefined, recentPerShare: number): number {
  if (share === undefined || worker.meanAttemptMs >= SHORT_ATTEMPT_MS) return 0;
  return Math.max(0, worker.recentAssignments - share * recentPerShare);
}
