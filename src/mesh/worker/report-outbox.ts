// Reports that the log does not show yet. The log is their acknowledgement: until it ends the
// attempt, a report is sent again to whoever leads.
import type { TaskReport } from "../../gen/mesh/v1/worker_service.js";
import type { QueueChange } from "../../queue/state/assignment-table.js";

export class ReportOutbox {
  readonly #send: (reports: readonly TaskReport[]) => void;
  readonly #reports = new Map<string, TaskReport>();
  /** Tasks whose report has not been sent yet; a replayed log ends many of them in the same turn. */
  readonly #fresh = new Set<string>();
  #scheduled = false;
  #onEmpty: (() => void) | undefined;

  /** @param send hands reports to the leader, where one is attached; else they are sent again later */
  constructor(send: (reports: readonly TaskReport[]) => void) {
    this.#send = send;
  }

  /** Reports that the log does not show yet. */
  get size(): number {
    return this.#reports.size;
  }

  /** What the log does not show yet, sent or not. */
  all(): readonly TaskReport[] {
    return [...this.#reports.values()];
  }

  /** Whether a report on the task waits for the log to show it. */
  has(taskId: string): boolean {
    return this.#reports.has(taskId);
  }

  /** Drops reports on attempts that are no longer there, as after a snapshot was restored. */
  keepOnly(isCurrent: (taskId: string, fence: number) => boolean): void {
    for (const { taskId, fence } of this.#reports.values()) {
      if (isCurrent(taskId, fence)) continue;
      this.#reports.delete(taskId);
      this.#fresh.delete(taskId);
    }
    if (this.#reports.size === 0) this.#onEmpty?.();
  }

  /** Reports of one turn of the event loop travel together. */
  add(report: TaskReport): void {
    this.#reports.set(report.taskId, report);
    this.#fresh.add(report.taskId);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const fresh = [...this.#fresh].flatMap((taskId) => this.#reports.get(taskId) ?? []);
      this.#fresh.clear();
      if (fresh.length > 0) this.#send(fresh);
    });
  }

  /** A leader was found: it may know none of them. */
  resend(): void {
    if (this.#reports.size > 0) this.#send([...this.#reports.values()]);
  }

  /** The log has ended these attempts, by our reports or otherwise. */
  acknowledge(change: QueueChange): void {
    const running = "running" in change ? change.running : undefined;
    if (running === undefined || change.kind === "assigned") return;
    const { taskId } = running.assignment;
    if (this.#reports.get(taskId)?.fence === running.fence) {
      this.#reports.delete(taskId);
      this.#fresh.delete(taskId);
    }
    if (this.#reports.size === 0) this.#onEmpty?.();
  }

  /** Resolves when every report is acknowledged, or after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    if (this.#reports.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
