// The nodes that take work, as the leader knows them: what they can run, how many slots are free,
// and when a silent one may be taken for lost. One directory per term of office.
import type { WorkerHello } from "../gen/mesh/v1/worker_service.js";

/** Clocks of two machines may run apart; the leader waits this much longer than the lease. */
const LEASE_MARGIN = 0.25;

export interface AttachedWorker {
  readonly id: string;
  hello: WorkerHello;
  connected: boolean;
  /** Leader's clock when it last granted a lease, or attached. */
  lastGrantMs: number;
  /** Running tasks, those proposed but not yet committed included. */
  running: number;
  draining: boolean;
}

export class WorkerDirectory {
  readonly #workers = new Map<string, AttachedWorker>();
  readonly #drained = new Set<string>();

  /**
   * @param officeStartMs leader's clock when it was elected
   * @param handoverMs how long an earlier leader may have granted leases after that
   */
  constructor(
    private readonly leaseMs: number,
    private readonly officeStartMs: number,
    private readonly handoverMs: number,
  ) {}

  all(): Iterable<AttachedWorker> {
    return this.#workers.values();
  }

  get(id: string): AttachedWorker | undefined {
    return this.#workers.get(id);
  }

  /** @param running tasks that the table knows on the node */
  attach(hello: WorkerHello, running: number, nowMs: number): AttachedWorker {
    const known = this.#workers.get(hello.nodeId);
    const draining = hello.draining || this.#drained.has(hello.nodeId);
    if (known !== undefined) {
      known.hello = hello;
      known.connected = true;
      known.draining = draining;
      known.lastGrantMs = nowMs;
      return known;
    }
    const worker = {
      id: hello.nodeId,
      hello,
      connected: true,
      lastGrantMs: nowMs,
      running,
      draining,
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
    if (worker !== undefined) worker.lastGrantMs = nowMs;
  }

  drain(id: string): void {
    this.#drained.add(id);
    const worker = this.#workers.get(id);
    if (worker !== undefined) worker.draining = true;
  }

  freeSlots(worker: AttachedWorker): number {
    if (!worker.connected || worker.draining) return 0;
    return Math.max(0, worker.hello.concurrency - worker.running);
  }

  occupied(id: string, change: 1 | -1): void {
    const worker = this.#workers.get(id);
    if (worker !== undefined) worker.running += change;
  }

  /** Whether a live node handles the type, free or not. */
  handles(type: string): boolean {
    for (const worker of this.#workers.values()) {
      if (worker.connected && worker.hello.types.includes(type)) return true;
    }
    return false;
  }

  /** Whether any worker has attached in this term: before that nothing is known of types. */
  get empty(): boolean {
    return this.#workers.size === 0;
  }

  /**
   * Whether the lease of the node has surely run out, so that its tasks may be given away. A node
   * that never attached in this term may hold one of an earlier leader.
   */
  isLost(id: string, nowMs: number): boolean {
    const leaseMs = this.leaseMs * (1 + LEASE_MARGIN);
    const worker = this.#workers.get(id);
    if (worker === undefined) return nowMs - this.officeStartMs > this.handoverMs + leaseMs;
    return nowMs - worker.lastGrantMs > leaseMs;
  }

  forget(id: string): void {
    this.#workers.delete(id);
  }
}

/** Whether a worker can run a task of this type with these requirements. */
export function fits(worker: AttachedWorker, type: string, requires: readonly string[]): boolean {
  return (
    worker.hello.types.includes(type) &&
    requires.every((label) => worker.hello.labels.includes(label))
  );
}
