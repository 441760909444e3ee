// The nodes that are to leave, as every node holds them in memory: they change only by applying the
// log, so that the decision to drain one outlives the leader that took it.
import type { CommandBatch } from "../../gen/mesh/v1/command.js";

/** Decisions kept, the newest; a name that is used again takes the place of its older one. */
export const MAX_DRAINS = 1_024;

export interface DrainRecord {
  readonly nodeId: string;
  /** Start of the process that is drained; 0 for whatever ran before `atMs`. */
  readonly startedAtMs: number;
  /** When it was decided. */
  readonly atMs: number;
}

export class DrainTable {
  /** In the order of the log. */
  readonly #byNode = new Map<string, DrainRecord>();

  /** Applies the commands of an entry. Reads no clock; the same log gives the same table. */
  apply(batch: CommandBatch): void {
    for (const { kind } of batch.commands) {
      if (kind?.$case === "drainNode") this.#keep({ ...kind.value, atMs: batch.atMs });
    }
  }

  /**
   * Whether the process of the node that was started then is to leave. A later one under the same
   * name is not: who starts a node again wants it back.
   *
   * @param startedAtMs as the process says itself; undefined: none has been heard of since
   */
  holds(nodeId: string, startedAtMs: number | undefined): boolean {
    const record = this.#byNode.get(nodeId);
    if (record === undefined) return false;
    if (startedAtMs === undefined) return true;
    return record.startedAtMs === 0
      ? startedAtMs <= record.atMs
      : startedAtMs === record.startedAtMs;
  }

  /** The newest decision that the node is to leave. */
  get(nodeId: string): DrainRecord | undefined {
    return this.#byNode.get(nodeId);
  }

  /** All there is, for a snapshot. */
  toSnapshot(): readonly DrainRecord[] {
    return [...this.#byNode.values()];
  }

  /** Puts the content of a snapshot in the place of everything. */
  restore(records: readonly DrainRecord[]): void {
    this.#byNode.clear();
    for (const record of records) this.#keep(record);
  }

  #keep(record: DrainRecord): void {
    this.#byNode.delete(record.nodeId);
    this.#byNode.set(record.nodeId, record);
    const [oldest] = this.#byNode.keys();
    if (this.#byNode.size > MAX_DRAINS && oldest !== undefined) this.#byNode.delete(oldest);
  }
}
