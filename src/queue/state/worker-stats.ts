// How many attempts each node has ended, counted from the log: the same on every node, whoever leads.
import type { QueueChange } from "./assignment-table.js";

export interface WorkerStats {
  completed: number;
  failed: number;
}

export class WorkerStatistics {
  readonly #byNode = new Map<string, WorkerStats>();

  /** Attempts that the node has ended. */
  of(nodeId: string): Readonly<WorkerStats> {
    return this.#byNode.get(nodeId) ?? { completed: 0, failed: 0 };
  }

  /** All there is, for a snapshot. */
  all(): Iterable<readonly [nodeId: string, stats: Readonly<WorkerStats>]> {
    return this.#byNode;
  }

  /** Puts the content of a snapshot in the place of everything. */
  restore(all: Iterable<readonly [nodeId: string, stats: Readonly<WorkerStats>]>): void {
    this.#byNode.clear();
    for (const [nodeId, stats] of all) this.#byNode.set(nodeId, { ...stats });
  }

  /** Counts the attempts that an entry has ended. */
  count(changes: readonly QueueChange[]): void {
    for (const change of changes) {
      if (change.kind !== "finished") continue;
      const { nodeId } = change.running;
      let stats = this.#byNode.get(nodeId);
      if (stats === undefined) {
        stats = { completed: 0, failed: 0 };
        this.#byNode.set(nodeId, stats);
      }
      if (change.finish.outcome?.$case === "completed") stats.completed += 1;
      else stats.failed += 1;
    }
  }
}
