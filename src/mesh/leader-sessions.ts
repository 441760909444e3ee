// The leader's end of the workers' streams: sessions come and go, the leader of this term hears of
// them, and every keepalive is answered with a lease.
import type { WorkerSession, WorkerSessions } from "../api/worker-attach-service.js";
import type { TaskProgress, TaskReport, WorkerHello } from "../gen/mesh/v1/worker_service.js";
import type { QueueLeader } from "../queue/leader.js";

export interface LeaderSessionsOptions {
  readonly leaseMs: number;
  readonly term: () => number;
  /** Last entry of this node's log. */
  readonly lastIndex: () => number;
}

export class LeaderSessions implements WorkerSessions {
  /** The newest session of each node; bounded by the nodes of the mesh. */
  readonly #sessions = new Map<string, WorkerSession>();
  #leader: QueueLeader | undefined;

  constructor(private readonly options: LeaderSessionsOptions) {}

  /** A term of office begins, or ends with undefined. */
  serve(leader: QueueLeader | undefined): void {
    this.#leader = leader;
    if (leader === undefined) return;
    for (const { hello } of this.#sessions.values()) leader.attach(hello);
  }

  attached(session: WorkerSession): void {
    this.#sessions.get(session.nodeId)?.close("the node attached anew");
    this.#sessions.set(session.nodeId, session);
    this.#leader?.attach(session.hello);
  }

  hello(session: WorkerSession, hello: WorkerHello): void {
    if (this.#isCurrent(session)) this.#leader?.attach(hello);
  }

  keepalive(session: WorkerSession, sequence: number): void {
    if (this.#leader === undefined || !this.#isCurrent(session)) return;
    this.#leader.granted(session.nodeId);
    const { leaseMs, term, lastIndex } = this.options;
    session.sendLease(sequence, { leaseMs, term: term(), index: lastIndex() });
  }

  reports(session: WorkerSession, reports: readonly TaskReport[]): void {
    this.#leader?.attempts.report(session.nodeId, reports);
  }

  progress(session: WorkerSession, progress: readonly TaskProgress[]): void {
    this.#leader?.attempts.progress(session.nodeId, progress);
  }

  detached(session: WorkerSession): void {
    if (!this.#isCurrent(session)) return;
    this.#sessions.delete(session.nodeId);
    this.#leader?.detach(session.nodeId);
  }

  #isCurrent(session: WorkerSession): boolean {
    return this.#sessions.get(session.nodeId) === session;
  }
}
