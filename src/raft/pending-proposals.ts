// Proposals of this leader that wait for their commit, by index.
import type { Entry, LogIndex, NodeId, ProposalRefusal, Term } from "./core/index.js";
import { ProposalLost } from "./errors.js";

export type Proposal =
  | {
      readonly kind: "accepted";
      readonly index: LogIndex;
      readonly term: Term;
      /** Rejects with ProposalLost where the outcome is unknown, NodeStopped at the end. */
      readonly committed: Promise<void>;
    }
  | {
      readonly kind: "refused";
      readonly reason: ProposalRefusal | "stopped";
      readonly leader: NodeId | undefined;
    };

interface Pending {
  readonly term: Term;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Bounded by the core, which refuses proposals past maxUncommittedBytes. */
export class PendingProposals {
  readonly #byIndex = new Map<LogIndex, Pending>();

  /** Resolves when the entry of that index and term has been applied. */
  add(index: LogIndex, term: Term): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#byIndex.set(index, { term, resolve, reject });
    });
  }

  applied(entries: readonly Entry[]): void {
    if (this.#byIndex.size === 0) return;
    for (const { index, term } of entries) {
      const pending = this.#byIndex.get(index);
      if (pending === undefined) continue;
      this.#byIndex.delete(index);
      if (pending.term === term) pending.resolve();
      else pending.reject(new ProposalLost(`another entry was committed at ${index}`));
    }
  }

  rejectAll(error: Error): void {
    const all = [...this.#byIndex.values()];
    this.#byIndex.clear();
    for (const { reject } of all) reject(error);
  }
}
