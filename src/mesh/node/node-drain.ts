// What a node does when the log says that it is to leave: it takes no more work, finishes or hands
// back what it runs, and lets others lead. It stays a member that learns until its process ends.
import type { DrainTable } from "../../queue/state/drain-table.js";
import type { Logger } from "../../telemetry/logger.js";

export interface NodeDrainOptions {
  readonly nodeId: string;
  /** Of this process: the decision on an earlier one is not about this. */
  readonly startedAtMs: number;
  readonly drains: Pick<DrainTable, "holds">;
  /** Tells the leader and the registry. */
  readonly announce: () => void;
  /** Rather follows than leads. */
  readonly yieldLeadership: () => void;
  /** Finishes or hands back what runs. */
  readonly endWork: () => Promise<void>;
  readonly logger: Logger;
}

export class NodeDrain {
  readonly #options: NodeDrainOptions;
  #begun = false;

  constructor(options: NodeDrainOptions) {
    this.#options = options;
  }

  /** The log went on, or the state was restored. */
  check(): void {
    const { nodeId, startedAtMs, drains, logger } = this.#options;
    if (this.#begun || !drains.holds(nodeId, startedAtMs)) return;
    this.#begun = true;
    logger.info("this node is drained: it takes no more work");
    this.#options.yieldLeadership();
    this.#options.announce();
    void this.#options.endWork().then(() => logger.info("nothing runs here any more"));
  }
}
