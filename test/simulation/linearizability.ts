// Is a history of a register linearizable? The search of Wing and Gong (1993) with Lowe's pruning
// (2017): a configuration, that is a set of linearized operations and the state that they led to,
// is never searched twice. The linked list of calls and returns is Lowe's, too.
import { NEVER_WRITTEN, type Operation } from "./history.js";

export type Verdict =
  | { readonly kind: "linearizable"; readonly steps: number }
  | {
      readonly kind: "violation";
      readonly steps: number;
      /** The operation that found no place, in the attempt that got furthest. */
      readonly stuckAt: Operation;
      /** What that attempt had linearized, in its order. */
      readonly linearized: readonly Operation[];
    }
  /** The search was given up at its bound. It says nothing about the history. */
  | { readonly kind: "undecided"; readonly steps: number };

/** Steps of the search after which it gives up; a usual history of a run needs a few hundred. */
export const DEFAULT_MAX_STEPS = 2_000_000;

class Node {
  previous: Node | undefined;
  next: Node | undefined;
  constructor(
    readonly operation: Operation | undefined,
    readonly id: number,
    readonly kind: "head" | "call" | "return",
    /** The return that belongs to a call. */
    readonly match: Node | undefined,
  ) {}
}

interface Configuration {
  readonly linearized: Uint32Array;
  readonly state: number;
}

/** Checks one register's history; operations may be given in any order. */
export const checkRegister = (
  history: readonly Operation[],
  maxSteps: number = DEFAULT_MAX_STEPS,
): Verdict => new Search(withoutUnseenWrites(history)).run(maxSteps);

/**
 * A write of unknown outcome whose value no read returned can be left out: between it and the next
 * write there is no read, so a linearization holds with it as well as without it. This keeps
 * timed-out writes from doubling the search each.
 */
const withoutUnseenWrites = (history: readonly Operation[]): readonly Operation[] => {
  const seen = new Set<number>();
  for (const operation of history) if (operation.kind === "read") seen.add(operation.value);
  return history.filter(
    (operation) =>
      operation.kind === "read" || operation.returnedAt !== Infinity || seen.has(operation.value),
  );
};

class Search {
  readonly #head = new Node(undefined, -1, "head", undefined);
  readonly #linearized: Uint32Array;
  readonly #seen = new Map<number, Configuration[]>();
  readonly #stack: { call: Node; stateBefore: number }[] = [];
  #state = NEVER_WRITTEN;
  #furthest: { stuckAt: Operation; linearized: readonly Operation[] } | undefined;

  constructor(history: readonly Operation[]) {
    this.#linearized = new Uint32Array(Math.ceil(history.length / 32));
    const nodes = history.flatMap((operation, id) => {
      const returned = new Node(operation, id, "return", undefined);
      return [
        { at: operation.invokedAt, node: new Node(operation, id, "call", returned) },
        { at: operation.returnedAt, node: returned },
      ];
    });
    // A tie counts as overlap: the call goes first.
    nodes.sort((left, right) =>
      left.at === right.at
        ? Number(left.node.kind === "return") - Number(right.node.kind === "return")
        : left.at < right.at
          ? -1
          : 1,
    );
    let last = this.#head;
    for (const { node } of nodes) {
      last.next = node;
      node.previous = last;
      last = node;
    }
  }

  run(maxSteps: number): Verdict {
    let node = this.#head.next;
    let steps = 0;
    while (node !== undefined) {
      steps += 1;
      if (steps > maxSteps) return { kind: "undecided", steps };
      if (node.kind === "call") {
        node = this.#linearize(node) ? this.#head.next : node.next;
        continue;
      }
      // A return whose call has found no place: undo the latest choice, try the one after it.
      this.#noteStuck(node);
      const undone = this.#stack.pop();
      if (undone === undefined) {
        if (this.#furthest === undefined) throw new Error("a search got stuck nowhere");
        return { kind: "violation", steps, ...this.#furthest };
      }
      this.#state = undone.stateBefore;
      this.#flip(undone.call.id);
      unlift(undone.call);
      node = undone.call.next;
    }
    return { kind: "linearizable", steps };
  }

  /** Takes the call as the next to have happened, if it fits and leads to something new. */
  #linearize(call: Node): boolean {
    const operation = call.operation;
    if (operation === undefined) return false;
    if (operation.kind === "read" && operation.value !== this.#state) return false;
    const stateAfter = operation.value;
    this.#flip(call.id);
    if (!this.#isNew(stateAfter)) {
      this.#flip(call.id);
      return false;
    }
    this.#stack.push({ call, stateBefore: this.#state });
    this.#state = stateAfter;
    lift(call);
    return true;
  }

  #isNew(state: number): boolean {
    let hash = state | 0;
    for (const word of this.#linearized) hash = Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 15);
    const known = this.#seen.get(hash);
    const configuration = { linearized: this.#linearized.slice(), state };
    if (known === undefined) {
      this.#seen.set(hash, [configuration]);
      return true;
    }
    for (const other of known) {
      if (other.state === state && equal(other.linearized, this.#linearized)) return false;
    }
    known.push(configuration);
    return true;
  }

  #flip(id: number): void {
    const word = id >>> 5;
    this.#linearized[word] = (this.#linearized[word] ?? 0) ^ (1 << (id & 31));
  }

  #noteStuck(node: Node): void {
    const isFurther = this.#stack.length >= (this.#furthest?.linearized.length ?? 0);
    if (!isFurther || node.operation === undefined) return;
    this.#furthest = {
      stuckAt: node.operation,
      linearized: this.#stack.flatMap(({ call }) => call.operation ?? []),
    };
  }
}

const lift = (call: Node): void => {
  for (const node of [call, call.match]) {
    if (node === undefined) continue;
    if (node.previous !== undefined) node.previous.next = node.next;
    if (node.next !== undefined) node.next.previous = node.previous;
  }
};

const unlift = (call: Node): void => {
  for (const node of [call.match, call]) {
    if (node === undefined) continue;
    if (node.previous !== undefined) node.previous.next = node;
    if (node.next !== undefined) node.next.previous = node;
  }
};

const equal = (left: Uint32Array, right: Uint32Array): boolean => {
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
};
