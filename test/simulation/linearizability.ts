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

/** A point of the search, and the writes that may come next there. */
interface Frame {
  readonly candidates: readonly Node[];
  tried: number;
  /** What led here, to be undone. */
  readonly calls: readonly Node[];
  readonly stateBefore: number;
}

/** Checks one register's history, in any order; no value is written twice. */
export const checkRegister = (
  history: readonly Operation[],
  maxSteps: number = DEFAULT_MAX_STEPS,
): Verdict => new Search(history).run(maxSteps);

/**
 * Cuts the search down without changing the answer, given that values are unique. A write of
 * unknown outcome whose value no read returned can be left out: between it and the next write there
 * is no read, so a linearization holds with it as well as without it. One whose value was read took
 * effect before the first such read returned.
 */
const tightened = (
  history: readonly Operation[],
  firstSeen: ReadonlyMap<number, number>,
): readonly Operation[] => {
  const result: Operation[] = [];
  for (const operation of history) {
    const { kind, value, invokedAt, returnedAt } = operation;
    const seenAt = firstSeen.get(value);
    if (kind === "write" && seenAt !== undefined && seenAt > invokedAt && seenAt < returnedAt) {
      result.push({ ...operation, returnedAt: seenAt });
    } else if (kind === "read" || returnedAt !== Infinity || seenAt !== undefined) {
      result.push(operation);
    }
  }
  return result;
};

/** When the first read of each value returned. */
const firstReads = (history: readonly Operation[]): ReadonlyMap<number, number> => {
  const firstSeen = new Map<number, number>();
  for (const { kind, value, returnedAt } of history) {
    if (kind === "write") continue;
    firstSeen.set(value, Math.min(returnedAt, firstSeen.get(value) ?? Infinity));
  }
  return firstSeen;
};

/**
 * Branches on writes only, and of these on the ones that were seen: a read of the present value can
 * always come at once, since it changes nothing, and a write that nobody saw can always come just
 * before another write.
 */
class Search {
  readonly #head = new Node(undefined, -1, "head", undefined);
  readonly #linearized: Uint32Array;
  readonly #seen = new Map<number, Configuration[]>();
  readonly #firstReads: ReadonlyMap<number, number>;
  #state = NEVER_WRITTEN;
  #furthest: { stuckAt: Operation; linearized: readonly Operation[] } | undefined;

  constructor(whole: readonly Operation[]) {
    this.#firstReads = firstReads(whole);
    const history = tightened(whole, this.#firstReads);
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
    const stack: Frame[] = [this.#frame(this.#takeReads(), NEVER_WRITTEN)];
    let steps = 0;
    while (this.#head.next !== undefined) {
      steps += 1;
      if (steps > maxSteps) return { kind: "undecided", steps };
      const frame = stack.at(-1);
      if (frame === undefined) {
        if (this.#furthest === undefined) throw new Error("a search got stuck nowhere");
        return { kind: "violation", steps, ...this.#furthest };
      }
      const candidate = frame.candidates[frame.tried];
      frame.tried += 1;
      if (candidate === undefined) {
        this.#noteStuck(stack);
        stack.pop();
        this.#undo(frame.calls, frame.stateBefore);
        continue;
      }
      const stateBefore = this.#state;
      const calls = this.#linearize(candidate);
      if (this.#isNew()) stack.push(this.#frame(calls, stateBefore));
      else this.#undo(calls, stateBefore);
    }
    return { kind: "linearizable", steps };
  }

  /** Calls that may come next: those before the first return that is left. */
  *#available(): Generator<Node> {
    let node = this.#head.next;
    while (node?.kind === "call") {
      yield node;
      node = node.next;
    }
  }

  #frame(calls: readonly Node[], stateBefore: number): Frame {
    const candidates: Node[] = [];
    let unseen: Node | undefined;
    for (const call of this.#available()) {
      if (call.operation?.kind !== "write") continue;
      if (this.#wasSeen(call)) candidates.push(call);
      else unseen ??= call;
    }
    // Who must be done first is tried first.
    const deadline = (call: Node): number => call.operation?.returnedAt ?? Infinity;
    candidates.sort((left, right) => (deadline(left) < deadline(right) ? -1 : 1));
    if (unseen !== undefined) candidates.push(unseen);
    return { candidates, tried: 0, calls, stateBefore };
  }

  #wasSeen(call: Node): boolean {
    return this.#firstReads.has(call.operation?.value ?? NEVER_WRITTEN);
  }

  /** The write, unseen ones before it, reads after it. Returns all of them, in that order. */
  #linearize(write: Node): readonly Node[] {
    const calls = this.#takeAll(
      (call) => call !== write && call.operation?.kind === "write" && !this.#wasSeen(call),
    );
    this.#take(write);
    this.#state = write.operation?.value ?? NEVER_WRITTEN;
    return [...calls, write, ...this.#takeReads()];
  }

  #takeReads(): readonly Node[] {
    return this.#takeAll(
      ({ operation }) => operation?.kind === "read" && operation.value === this.#state,
    );
  }

  /** Each that is taken may make others available. */
  #takeAll(fits: (call: Node) => boolean): readonly Node[] {
    const taken: Node[] = [];
    for (;;) {
      let found: Node | undefined;
      for (const call of this.#available()) {
        if (!fits(call)) continue;
        found = call;
        break;
      }
      if (found === undefined) return taken;
      this.#take(found);
      taken.push(found);
    }
  }

  #take(call: Node): void {
    this.#flip(call.id);
    lift(call);
  }

  #undo(calls: readonly Node[], stateBefore: number): void {
    for (const call of calls.toReversed()) {
      this.#flip(call.id);
      unlift(call);
    }
    this.#state = stateBefore;
  }

  #isNew(): boolean {
    const state = this.#state;
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

  #noteStuck(stack: readonly Frame[]): void {
    const linearized = stack.flatMap(({ calls }) =>
      calls.flatMap(({ operation }) => operation ?? []),
    );
    if (linearized.length < (this.#furthest?.linearized.length ?? 0)) return;
    let node = this.#head.next;
    while (node?.kind === "call") node = node.next;
    if (node?.operation !== undefined) this.#furthest = { stuckAt: node.operation, linearized };
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
