// Who waits at a server: proposals until their entry is applied, reads until their read index is.
import { Violation } from "./violation.js";

/**
 * "replaced": another entry was committed at its index, so it never will be. "unknown": the server
 * does not know, and nobody else here does.
 */
export type ProposalOutcome = "applied" | "replaced" | "unknown";

interface Proposal {
  readonly term: number;
  readonly done: (outcome: ProposalOutcome) => void;
}

type ReadDone = (index: number | undefined) => void;

export class OpenRequests {
  readonly #proposals = new Map<number, Proposal>();
  /** Without a read index yet. */
  readonly #reads = new Map<
    number,
    { readonly commitWhenAsked: number; readonly done: ReadDone }
  >();
  /** With one that is not applied yet. */
  #waitingReads: { readonly index: number; readonly done: ReadDone }[] = [];
  #nextRequestId = 1;

  /** A proposal was accepted at `index`; one that waited there can never be committed. */
  addProposal(index: number, term: number, done: (outcome: ProposalOutcome) => void): void {
    this.#proposals.get(index)?.done("replaced");
    this.#proposals.set(index, { term, done });
  }

  /** Returns the number under which to ask the core. */
  addRead(commitWhenAsked: number, done: ReadDone): number {
    const requestId = this.#nextRequestId;
    this.#nextRequestId += 1;
    this.#reads.set(requestId, { commitWhenAsked, done });
    return requestId;
  }

  /** An index is committed once: where another term's entry stands there, ours never will. */
  noteApplied(index: number, term: number): void {
    const proposal = this.#proposals.get(index);
    if (proposal === undefined) return;
    this.#proposals.delete(index);
    proposal.done(proposal.term === term ? "applied" : "replaced");
  }

  /** A snapshot was restored, which does not tell what it is made of. */
  noteRestored(index: number): void {
    for (const [at, proposal] of [...this.#proposals]) {
      if (at > index) continue;
      this.#proposals.delete(at);
      proposal.done("unknown");
    }
  }

  /** The core answered a read; returns what was known as committed when it was asked for. */
  noteReadIndex(requestId: number, readIndex: number | undefined): number {
    const read = this.#reads.get(requestId);
    if (read === undefined) {
      throw new Violation("driver contract", `read ${requestId} is answered, and is not open`);
    }
    this.#reads.delete(requestId);
    if (readIndex === undefined) read.done(undefined);
    else this.#waitingReads.push({ index: readIndex, done: read.done });
    return read.commitWhenAsked;
  }

  answerReads(applied: number): void {
    if (this.#waitingReads.length === 0) return;
    const ready = this.#waitingReads.filter(({ index }) => index <= applied);
    if (ready.length === 0) return;
    this.#waitingReads = this.#waitingReads.filter(({ index }) => index > applied);
    for (const { index, done } of ready) done(index);
  }

  /** The server stopped. */
  abandon(): void {
    this.noteRestored(Infinity);
    const reads = [...this.#reads.values(), ...this.#waitingReads];
    this.#reads.clear();
    this.#waitingReads = [];
    for (const { done } of reads) done(undefined);
  }
}
