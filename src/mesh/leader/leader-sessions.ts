// The leader's end of the workers' streams: sessions come and go, the leader of this term hears of
// them, and every keepalive is answered with a lease.
import type { WorkerSession, WorkerSessions } from "../../api/worker-attach-service.js";
import type {
  TaskLog,
  TaskProgress,
  TaskReport,
  WorkerHello,
} from "../../gen/mesh/v1/worker_service.js";
import type { QueueLeader } from "../../queue/leader/leader.js";

export interface LeaderSessionsOptions {
  readonly leaseMs: number;
  readonly term: () => number;
  /** Last entry of this node's log. */
  readonly lastIndex: () => number;
  /** Resolves once a quorum has said that this node still leads; rejects where it may not. */
  readonly confirmLeadership: () => Promise<unknown>;
  /** A worker was attached to the leader, or says something new. Default: nobody wants to know. */
  readonly onHello?: () => void;
  /** Calls `doubt()` at once where the event loop has just stood still. Default: nobody watches. */
  readonly lookForStall?: () => void;
}

export class LeaderSessions implements WorkerSessions {
  readonly #options: LeaderSessionsOptions;
  /** The newest session of each node; bounded by the nodes of the mesh. */
  readonly #sessions = new Map<string, WorkerSession>();
  #leader: QueueLeader | undefined;
  /** What asked for a lease since the leadership is doubted; undefined: it is not. */
  #unanswered: Map<WorkerSession, number> | undefined;
  #doubts = 0;
  /** The doubt about which a quorum is being asked. */
  #confirming: number | undefined;

  constructor(options: LeaderSessionsOptions) {
    this.#options = options;
  }

  /** A term of this node as leader begins, or ends with undefined. */
  serve(leader: QueueLeader | undefined): void {
    this.#leader = leader;
    this.#unanswered = undefined;
    this.#confirming = undefined;
    if (leader === undefined) return;
    for (const { hello } of this.#sessions.values()) leader.attach(hello);
    this.#options.onHello?.();
  }

  /**
   * A worker opened a stream; the one that it had before is closed. Kept also while this node does
   * not lead.
   */
  attached(session: WorkerSession): void {
    this.#sessions.get(session.nodeId)?.close("the node attached anew");
    this.#sessions.set(session.nodeId, session);
    this.#leader?.attach(session.hello);
    this.#options.onHello?.();
  }

  /** The worker says anew what it can run, on a stream that stands. */
  hello(session: WorkerSession, hello: WorkerHello): void {
    if (!this.#isCurrent(session)) return;
    this.#leader?.attach(hello);
    this.#options.onHello?.();
  }

  /**
   * A worker asks for a lease. After a stall it is granted only once a quorum has confirmed that
   * this node still leads.
   */
  keepalive(session: WorkerSession, sequence: number): void {
    this.#options.lookForStall?.();
    if (this.#leader === undefined || !this.#isCurrent(session)) return;
    if (this.#unanswered !== undefined) {
      this.#unanswered.set(session, sequence);
      void this.#confirm(this.#leader);
      return;
    }
    this.#leader.granted(session.nodeId);
    const { leaseMs, term, lastIndex } = this.#options;
    session.sendLease(sequence, { leaseMs, term: term(), index: lastIndex() });
  }

  /**
   * This process stood still, and check-quorum with it: another node may lead by now. Until a quorum
   * says otherwise no lease is granted, and no node is taken for lost.
   */
  doubt(): void {
    if (this.#leader === undefined) return;
    this.#doubts += 1;
    this.#unanswered ??= new Map();
    void this.#confirm(this.#leader);
  }

  /**
   * Whether this node stood still so long that another one may lead by now, and no quorum has said
   * otherwise yet.
   */
  get isDoubted(): boolean {
    this.#options.lookForStall?.();
    return this.#unanswered !== undefined;
  }

  /** Where no quorum answers, the next keepalive asks again. */
  async #confirm(leader: QueueLeader): Promise<void> {
    const doubts = this.#doubts;
    if (this.#confirming === doubts) return;
    this.#confirming = doubts;
    const confirmed = await this.#options.confirmLeadership().then(
      () => true,
      () => false,
    );
    if (this.#confirming !== doubts) return;
    this.#confirming = undefined;
    if (!confirmed || this.#leader !== leader) return;
    const unanswered = this.#unanswered ?? [];
    this.#unanswered = undefined;
    for (const [session, sequence] of unanswered) this.keepalive(session, sequence);
  }

  /**
   * Attempts have ended on the worker: each report is proposed, unless the log has its end already.
   */
  reports(session: WorkerSession, reports: readonly TaskReport[]): void {
    this.#leader?.attempts.report(session.nodeId, reports);
  }

  /** How far running attempts have come; shown, never written to the log. */
  progress(session: WorkerSession, progress: readonly TaskProgress[]): void {
    this.#leader?.attempts.progress(session.nodeId, progress);
  }

  /** What handlers wrote; kept in Redis, never written to the log. */
  lines(session: WorkerSession, logs: readonly TaskLog[]): void {
    this.#leader?.attempts.lines(session.nodeId, logs);
  }

  /** The stream of a worker ended. Its lease runs on: what it runs is not given away yet. */
  detached(session: WorkerSession): void {
    if (!this.#isCurrent(session)) return;
    this.#sessions.delete(session.nodeId);
    this.#leader?.detach(session.nodeId);
  }

  #isCurrent(session: WorkerSession): boolean {
    return this.#sessions.get(session.nodeId) === session;
  }
}
