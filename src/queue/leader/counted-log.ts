// The log, with what it takes counted until Redis has it.
import type { CommandBatch } from "../../gen/mesh/v1/command.js";
import type { CommandLog, LogProposal } from "./entry-proposer.js";

export class CountedLog implements CommandLog {
  readonly #log: CommandLog;
  /** Bytes by entry, in the order of the log. The leader takes nothing new past a number of bytes. */
  readonly #unapplied: { readonly index: number; readonly bytes: number }[] = [];
  #unappliedBytes = 0;

  constructor(log: CommandLog) {
    this.#log = log;
  }

  /** What was proposed and is not in Redis yet. */
  get unappliedBytes(): number {
    return this.#unappliedBytes;
  }

  nextIndex(): number {
    return this.#log.nextIndex();
  }

  writable(): boolean {
    return this.#log.writable();
  }

  propose(data: Uint8Array, batch: CommandBatch): LogProposal {
    const proposal = this.#log.propose(data, batch);
    if (proposal.kind === "accepted") {
      this.#unapplied.push({ index: proposal.index, bytes: data.length });
      this.#unappliedBytes += data.length;
    }
    return proposal;
  }

  /** Redis reflects the log up to here. */
  redisReached(index: number): void {
    while ((this.#unapplied[0]?.index ?? Infinity) <= index) {
      this.#unappliedBytes -= this.#unapplied.shift()?.bytes ?? 0;
    }
  }
}
