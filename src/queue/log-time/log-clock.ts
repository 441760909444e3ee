// Log time: what a leader stamps its entries with, and what everything with a date is held against. It
// goes on from the last stamp by the monotonic clock, and is drawn to real time a little faster or
// slower than that: it never goes back, never stands, and goes a longer way at once only where RealTime
// has followed a jump.
//
// A node that follows counts on from the newest stamp that it has applied, so that it can lead at once.
import type { Clocks } from "./clocks.js";
import { type ClockSample, middleOfMajority, PeerClocks } from "./peer-clocks.js";
import { MAX_STEP_MS, RealTime, type RefusedJump } from "./real-time.js";

/** Log time that passes in a millisecond, at least and at most, while it is drawn to real time. */
export const SLOWEST = 0.8;
export const FASTEST = 1.25;
/** How often the clocks are looked at; in between log time goes by the monotonic one. */
const LOOK_MS = 50;

export interface LogClockParts {
  readonly nodeId: string;
  readonly clocks: Clocks;
  /** Those whose clocks count, this node's among them. */
  readonly voters: () => readonly string[];
  /** Told of each event once. */
  readonly tell: (event: ClockEvent) => void;
}

export type ClockEvent =
  /** What the clocks say has jumped, and is not believed as yet. */
  | ({ readonly kind: "refused" } & RefusedJump)
  /** Another real time is believed in from now on. */
  | { readonly kind: "followed"; readonly byMs: number }
  /** The clock of a node is far from that real time. */
  | { readonly kind: "astray"; readonly nodeId: string; readonly aheadMs: number }
  | { readonly kind: "right-again"; readonly nodeId: string };

/** How log time and the clocks stand to one another, where this node leads. */
export interface LogTimeState {
  readonly nowMs: number;
  /** How far log time is ahead of the real time that is believed in; negative: behind. */
  readonly aheadMs: number;
  /** Jumps that were not followed at once, since the process began. */
  readonly refusedJumps: number;
  readonly refusedJump: RefusedJump | undefined;
  /** By how much clocks are ahead that are far from real time, by node. */
  readonly astray: ReadonlyMap<string, number>;
}

interface Term {
  logMs: number;
  /** Of the monotonic clock, when log time was that. */
  atMs: number;
  lookedAtMs: number;
}

export class LogClock {
  readonly #parts: LogClockParts;
  readonly #peers = new PeerClocks();
  #stampMs = 0;
  /** Of the monotonic clock, when the newest stamp was applied. */
  #stampedAtMs: number;
  /** Undefined while this node does not lead. */
  #term: Term | undefined;
  /** From the first term of this process on. */
  #realTime: RealTime | undefined;
  #refusedJumps = 0;
  /** Bounded by the voters. */
  #astray: ReadonlyMap<string, number> = new Map();

  constructor(parts: LogClockParts) {
    this.#parts = parts;
    this.#stampedAtMs = parts.clocks.monotonicMs();
  }

  /** Log time, in whole milliseconds since the epoch; it never goes back while this node leads. */
  now(): number {
    const atMs = this.#parts.clocks.monotonicMs();
    const term = this.#term;
    if (term === undefined) return Math.floor(this.#followedMs(atMs));
    if (atMs - term.lookedAtMs >= LOOK_MS) this.#look(term, atMs);
    else advance(term, atMs, this.#realOffsetMs());
    return Math.floor(term.logMs);
  }

  /** An entry with this stamp was applied, or a snapshot that reaches up to it. */
  applied(stampMs: number): void {
    if (stampMs <= this.#stampMs) return;
    this.#stampMs = stampMs;
    this.#stampedAtMs = this.#parts.clocks.monotonicMs();
  }

  /** This node leads, and has applied all that was stamped before. */
  begin(): void {
    const atMs = this.#parts.clocks.monotonicMs();
    const logMs = this.#courseMs(atMs);
    // A mesh that has stamped nothing yet has no course.
    const beginsMs = this.#stampMs === 0 ? this.#parts.clocks.wallMs() : logMs;
    this.#realTime ??= new RealTime(beginsMs - atMs);
    const term = { logMs, atMs, lookedAtMs: atMs };
    this.#term = term;
    this.#look(term, atMs);
    // Nothing is stamped yet: what is undisputed need not be drawn nearer.
    if (this.#realTime.refusedJump === undefined) this.#catchUp(term);
  }

  /** This node leads no more. */
  end(): void {
    this.#term = undefined;
    this.#astray = new Map();
  }

  /** Another node has told what its clock shows. */
  heard(peer: string, sample: ClockSample): void {
    this.#peers.note(peer, sample, this.#parts.clocks.monotonicMs());
  }

  /** Undefined where this node does not lead. */
  state(): LogTimeState | undefined {
    const nowMs = this.now();
    const term = this.#term;
    if (term === undefined) return undefined;
    return {
      nowMs,
      aheadMs: Math.round(term.logMs - term.atMs - this.#realOffsetMs()),
      refusedJumps: this.#refusedJumps,
      refusedJump: this.#realTime?.refusedJump,
      astray: this.#astray,
    };
  }

  /**
   * How far the clock of a node is ahead of the real time that is believed in, milliseconds; undefined
   * where it was not heard of late, or this node does not lead.
   */
  clockAheadMs(nodeId: string): number | undefined {
    if (this.#term === undefined) return undefined;
    const offsetMs = this.#offsetMs(nodeId, this.#parts.clocks.monotonicMs());
    return offsetMs === undefined ? undefined : Math.round(offsetMs - this.#realOffsetMs());
  }

  /** Log time as a node has it that does not lead: where nothing is stamped yet, its own clock must do. */
  #followedMs(atMs: number): number {
    return this.#stampMs === 0 ? this.#parts.clocks.wallMs() : this.#courseMs(atMs);
  }

  /** Log time as it goes on from the newest stamp without any clock's word. */
  #courseMs(atMs: number): number {
    return this.#stampMs + Math.max(0, atMs - this.#stampedAtMs);
  }

  #realOffsetMs(): number {
    return this.#realTime?.offsetMs ?? 0;
  }

  #offsetMs(nodeId: string, atMs: number): number | undefined {
    const { clocks } = this.#parts;
    if (nodeId === this.#parts.nodeId) return clocks.wallMs() - atMs;
    return this.#peers.offsetMs(nodeId, atMs);
  }

  #look(term: Term, atMs: number): void {
    const { clocks, voters, tell } = this.#parts;
    const ids = voters();
    const known = new Map<string, number>();
    for (const id of ids) {
      const offsetMs = this.#offsetMs(id, atMs);
      if (offsetMs !== undefined) known.set(id, offsetMs);
    }
    advance(term, atMs, this.#realOffsetMs());
    term.lookedAtMs = atMs;
    const isAlone = ids.length === 1;
    const change = this.#realTime?.look(atMs, {
      ownMs: clocks.wallMs() - atMs,
      majority: middleOfMajority([...known.values()], ids.length),
      isAlone,
    });
    if (change?.kind === "refused") {
      this.#refusedJumps += 1;
      tell({ kind: "refused", ...change.jump });
    } else if (change?.kind === "followed") {
      this.#catchUp(term);
      if (Math.abs(change.byMs) > MAX_STEP_MS) tell(change);
    }
    // What is told of a clock that is alone is its jump.
    if (!isAlone) this.#compare(known);
  }

  /** Tells which clocks have gone astray, and which are right again. */
  #compare(known: ReadonlyMap<string, number>): void {
    const astray = new Map<string, number>();
    for (const [nodeId, offsetMs] of known) {
      const aheadMs = Math.round(offsetMs - this.#realOffsetMs());
      if (Math.abs(aheadMs) > MAX_STEP_MS) astray.set(nodeId, aheadMs);
    }
    for (const [nodeId, aheadMs] of astray) {
      if (!this.#astray.has(nodeId)) this.#parts.tell({ kind: "astray", nodeId, aheadMs });
    }
    for (const nodeId of this.#astray.keys()) {
      if (known.has(nodeId) && !astray.has(nodeId)) {
        this.#parts.tell({ kind: "right-again", nodeId });
      }
    }
    this.#astray = astray;
  }

  /** At once, where log time is behind. */
  #catchUp(term: Term): void {
    term.logMs = Math.max(term.logMs, term.atMs + this.#realOffsetMs());
  }
}

/** Log time goes on up to this moment of the monotonic clock, drawn to real time. */
function advance(term: Term, atMs: number, realOffsetMs: number): void {
  const passedMs = Math.max(0, atMs - term.atMs);
  const missingMs = atMs + realOffsetMs - term.logMs;
  term.logMs += Math.min(Math.max(missingMs, passedMs * SLOWEST), passedMs * FASTEST);
  term.atMs = Math.max(term.atMs, atMs);
}
