// What a checker throws: a promise of the protocol, or of the contract with its driver, is broken.

/** The promises, by the names under which a failing seed reports them. */
export type Rule =
  | "election safety"
  | "one vote a term"
  | "persist before answering"
  | "term never goes back"
  | "leader append-only"
  | "log matching"
  | "leader completeness"
  | "commit needs a quorum on disk"
  | "commit never goes back"
  | "state machine safety"
  | "membership overlap"
  | "read index freshness"
  | "linearizability"
  | "liveness after healing"
  | "liveness under lasting cuts"
  | "driver contract"
  | "core threw";

export class Violation extends Error {
  override readonly name = "Violation";

  constructor(
    readonly rule: Rule,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${rule}: ${detail}`, options);
  }
}
