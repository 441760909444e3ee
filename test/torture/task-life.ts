// A task's life as clients may see it, and whether what they saw of one was possible: each call took effect
// at one moment between its start and its end (linearizability; Wing and Gong 1993, with Lowe's memory of
// the configurations that were searched). A task ends by itself at any time, so that a configuration
// holds every state in which it may be by then.

export type LifeState = "absent" | "live" | "completed" | "dead" | "cancelled" | "removed";

export type LifeCall = "submit" | "read" | "cancel" | "retry" | "retry-dead" | "drop-dead";

/** What a client did, and what it was told. */
export interface LifeOperation {
  readonly call: LifeCall;
  readonly startMs: number;
  /** Infinity where nobody knows whether it was done: at any later time, or never. */
  readonly endMs: number;
  readonly outcome: LifeOutcome;
}

export type LifeOutcome =
  /** Of a read and of a submission that was known: as which the task was shown. */
  | { readonly kind: "seen"; readonly states: readonly LifeState[] }
  /** It took effect. */
  | { readonly kind: "done" }
  /** The task was as it can have no effect on: of an ended task's cancellation, and the like. */
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" };

/** Undefined: possible. Else the operation that has no place, in the attempt that got furthest. */
export function impossibleIn(
  operations: readonly LifeOperation[],
  endsAs: "completed" | "dead",
): LifeOperation | undefined {
  const search = new Search(operations, endsAs);
  return search.run() ? undefined : search.stuckAt;
}

const STATES: readonly LifeState[] = [
  "absent",
  "live",
  "completed",
  "dead",
  "cancelled",
  "removed",
];
const bit = (state: LifeState): number => 1 << STATES.indexOf(state);

/** State behind the call; undefined where it cannot have had this outcome in this state. */
function behind(state: LifeState, { call, outcome }: LifeOperation): LifeState | undefined {
  const changed = changeOf(call, state);
  switch (outcome.kind) {
    case "seen":
      return outcome.states.includes(state) ? state : undefined;
    case "done":
      return changed;
    case "refused":
      return changed === undefined ? state : undefined;
    case "unknown":
      return changed ?? state;
  }
}

/** What the call makes of a task in this state; undefined: nothing. */
function changeOf(call: LifeCall, state: LifeState): LifeState | undefined {
  switch (call) {
    case "read":
      return undefined;
    case "submit":
      return state === "absent" ? "live" : undefined;
    case "cancel":
      return state === "live" ? "cancelled" : undefined;
    case "retry":
      return state === "dead" || state === "cancelled" ? "live" : undefined;
    case "retry-dead":
      return state === "dead" ? "live" : undefined;
    case "drop-dead":
      return state === "dead" ? "removed" : undefined;
  }
}

class Search {
  readonly #operations: readonly LifeOperation[];
  readonly #end: number;
  readonly #seen = new Set<string>();
  #furthest = -1;
  stuckAt: LifeOperation | undefined;

  constructor(operations: readonly LifeOperation[], endsAs: "completed" | "dead") {
    this.#operations = [...operations].sort((a, b) => a.startMs - b.startMs);
    this.#end = bit(endsAs);
  }

  run(): boolean {
    return this.#from(new Set(), this.#withEnds(bit("absent")));
  }

  /** @param done operations that have their place */
  #from(done: ReadonlySet<number>, states: number): boolean {
    const open = this.#operations.flatMap((_, at) => (done.has(at) ? [] : at));
    const mustEnd = open.filter((at) => this.#operations[at]?.endMs !== Infinity);
    if (mustEnd.length === 0) return true;
    const key = `${states} ${open.join()}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    const firstEndMs = Math.min(...mustEnd.map((at) => this.#operations[at]?.endMs ?? 0));
    for (const at of open) {
      const operation = this.#operations[at];
      if (operation === undefined || operation.startMs > firstEndMs) break;
      const next = this.#apply(states, operation);
      if (next !== 0 && this.#from(new Set(done).add(at), next)) return true;
    }
    if (done.size > this.#furthest) {
      this.#furthest = done.size;
      this.stuckAt = mustEnd
        .map((at) => this.#operations[at])
        .find((one) => one?.endMs === firstEndMs);
    }
    return false;
  }

  #apply(states: number, operation: LifeOperation): number {
    let next = 0;
    for (const state of STATES) {
      if ((states & bit(state)) === 0) continue;
      const after = behind(state, operation);
      if (after !== undefined) next |= bit(after);
    }
    return this.#withEnds(next);
  }

  #withEnds(states: number): number {
    return (states & bit("live")) === 0 ? states : states | this.#end;
  }
}
