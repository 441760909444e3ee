// While this node leads: asks after nodes that it no longer hears of, at their own address and through
// others, and has those that are reached give back what they run before their lease runs out.
//
// Nothing here takes a node for lost. Its tasks are released once it has said that it gave them up, or,
// as ever, once its lease has surely run out.
import type { ProbeRequest, ProbeResponse } from "../../gen/mesh/v1/liveness_service.js";
import type { TaskReport } from "../../gen/mesh/v1/worker_service.js";
import type {
  AttachedWorker,
  Reachability,
  WorkerDirectory,
} from "../../queue/leader/worker-directory.js";
import type { Logger } from "../../telemetry/logger.js";

/** Shares of the lease without a keepalive after which a node is asked after, and told to give up. */
const SUSPECT_AFTER = 0.7;
const REVOKE_AFTER = 0.85;
/** Shares of the lease that an answer may take: of the node itself, and through another one. */
const DIRECT_PATIENCE = 0.15;
const RELAYED_PATIENCE = 0.4;
const LOOKS_PER_LEASE = 20;
/** Nodes that are asked whether they reach a node which the leader does not. */
const RELAYS = 3;
/** Nodes that are asked after at a time. */
const MAX_AT_A_TIME = 16;
/** How often a node is asked after that has been lost for long. */
const LOST_EVERY_MS = 1_000;

/** What a leader knows and does of its workers, as far as it is needed here. */
export interface ProbingLeader {
  readonly workers: Pick<WorkerDirectory, "all" | "get" | "noteReachability" | "isLost">;
  readonly attempts: {
    revoked(nodeId: string, index: number, reports: readonly TaskReport[]): number;
  };
}

export interface WorkerProbesOptions {
  readonly nodeId: string;
  readonly meshId: string;
  readonly leaseMs: number;
  /** Undefined while this node does not lead, or may not. */
  readonly leader: () => ProbingLeader | undefined;
  readonly term: () => number;
  /** Last entry of this node's log, committed or not. */
  readonly lastIndex: () => number;
  /** Never rejects. */
  readonly probe: (
    address: string,
    request: ProbeRequest,
    timeoutMs: number,
  ) => Promise<ProbeResponse>;
  /** Monotonic, milliseconds: the leader's own. */
  readonly monotonicMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

export class WorkerProbes {
  readonly #options: WorkerProbesOptions;
  readonly #timer: NodeJS.Timeout;
  /** Nodes that are being asked after. */
  readonly #busy = new Set<string>();
  readonly #notBeforeMs = new Map<string, number>();

  constructor(options: WorkerProbesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), options.leaseMs / LOOKS_PER_LEASE);
  }

  /** Asks after nobody any more; answers that are on their way still count. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asks after whoever has been silent for too long. */
  look(): void {
    const leader = this.#options.leader();
    if (leader === undefined) {
      this.#notBeforeMs.clear();
      return;
    }
    for (const worker of leader.workers.all()) {
      if (this.#busy.size >= MAX_AT_A_TIME) return;
      if (!this.#isDue(worker)) continue;
      this.#busy.add(worker.id);
      void this.#examine(leader, worker).finally(() => {
        this.#busy.delete(worker.id);
        const { leaseMs, monotonicMs } = this.#options;
        const isLost = leader.workers.isLost(worker.id, monotonicMs());
        const waitMs = isLost ? LOST_EVERY_MS : DIRECT_PATIENCE * leaseMs;
        this.#notBeforeMs.set(worker.id, monotonicMs() + waitMs);
      });
    }
  }

  #isDue(worker: AttachedWorker): boolean {
    if (worker.id === this.#options.nodeId || this.#busy.has(worker.id)) return false;
    if (this.#silentFor(worker) < SUSPECT_AFTER) {
      this.#notBeforeMs.delete(worker.id);
      return false;
    }
    return this.#options.monotonicMs() >= (this.#notBeforeMs.get(worker.id) ?? 0);
  }

  /** Time since the last grant, as a multiple of the lease. */
  #silentFor({ lastGrantMs }: AttachedWorker): number {
    return (this.#options.monotonicMs() - lastGrantMs) / this.#options.leaseMs;
  }

  async #examine(leader: ProbingLeader, worker: AttachedWorker): Promise<void> {
    const { leaseMs, probe } = this.#options;
    const { lastGrantMs } = worker;
    const direct = this.#request(worker, true);
    const patienceMs = DIRECT_PATIENCE * leaseMs;
    const answer = await probe(worker.hello.address, direct, patienceMs);
    if (worker.lastGrantMs !== lastGrantMs) return;
    if (answer.reached) {
      this.#conclude(leader, worker, direct, answer, "direct");
      return;
    }
    const relayed = this.#request(worker, false);
    const answers = this.#relays(leader, worker).map(({ hello }) =>
      probe(hello.address, relayed, RELAYED_PATIENCE * leaseMs),
    );
    const reached = await firstReached(answers);
    // What it has given up stays given up, should it be heard of again meanwhile.
    if (reached !== undefined) this.#conclude(leader, worker, relayed, reached, "through-peers");
    else if (worker.lastGrantMs === lastGrantMs) leader.workers.noteReachability(worker.id, "none");
  }

  /** While it may still be renewed by the node itself its lease is left alone. */
  #request(worker: AttachedWorker, direct: boolean): ProbeRequest {
    const { meshId, term, lastIndex } = this.#options;
    const mayRenew = direct && this.#silentFor(worker) < REVOKE_AFTER;
    const revocation = mayRenew ? undefined : { term: term(), index: lastIndex() };
    return { meshId, nodeId: worker.id, direct, revocation };
  }

  #relays(leader: ProbingLeader, silent: AttachedWorker): AttachedWorker[] {
    const heard = [...leader.workers.all()].filter(
      (one) =>
        one.id !== this.#options.nodeId &&
        one.id !== silent.id &&
        this.#silentFor(one) < SUSPECT_AFTER,
    );
    const chosen: AttachedWorker[] = [];
    while (chosen.length < RELAYS && heard.length > 0) {
      chosen.push(...heard.splice(Math.floor(this.#options.random() * heard.length), 1));
    }
    return chosen;
  }

  #conclude(
    leader: ProbingLeader,
    worker: AttachedWorker,
    { revocation }: ProbeRequest,
    { revoked, startedAtMs, reports }: ProbeResponse,
    reachability: Reachability,
  ): void {
    leader.workers.noteReachability(worker.id, reachability);
    // Another process answers under its name: what the one before it does is not known by that.
    if (!revoked || revocation === undefined || startedAtMs !== worker.hello.startedAtMs) return;
    const tasks = leader.attempts.revoked(worker.id, revocation.index, reports);
    if (tasks === 0) return;
    const fields = { worker: worker.id, tasks, reachability };
    this.#options.logger.warn(fields, "worker out of reach: it gave its tasks back when told to");
  }
}

/** The first answer that comes from the node itself; undefined where nobody reaches it. */
function firstReached(
  answers: readonly Promise<ProbeResponse>[],
): Promise<ProbeResponse | undefined> {
  return Promise.any(
    answers.map(async (answer) => {
      const one = await answer;
      if (!one.reached) throw new Error("not reached");
      return one;
    }),
  ).catch(() => undefined);
}
