// One direction of one connection: what is sent waits here for as long as the link's rule wants, and
// leaves in the order in which it came. Under a cut nothing leaves.
import type { LinkDirection } from "./link-direction.js";

interface Parcel {
  readonly bytes: number;
  readonly dueMs: number;
  readonly deliver: () => void;
}

export class LinkGate {
  readonly #retransmits: boolean;
  #waiting: Parcel[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopWatching: (() => void) | undefined;
  #releasing = false;

  /** @param retransmits see LinkDirection.arrivalMs */
  constructor(
    readonly link: LinkDirection,
    retransmits: boolean,
  ) {
    this.#retransmits = retransmits;
  }

  /** Bytes that have been sent and have not arrived. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** True where what is sent now is delivered before `send` returns. */
  get isOpen(): boolean {
    return this.#waiting.length === 0 && this.link.isFree;
  }

  /** `deliver` is called when so many bytes arrive: before this returns where nothing is in the way. */
  send(bytes: number, deliver: () => void): void {
    if (this.isOpen) {
      deliver();
      return;
    }
    const nowMs = performance.now();
    const afterMs = this.#waiting.at(-1)?.dueMs ?? 0;
    const arrivalMs = this.link.arrivalMs(bytes, nowMs, this.#retransmits);
    this.#waiting.push({ bytes, dueMs: Math.max(afterMs, arrivalMs), deliver });
    this.#heldBytes += bytes;
    this.#stopWatching ??= this.link.onChange(() => this.#release());
    this.#release();
  }

  /** Forgets what waits: it never arrives. */
  clear(): void {
    this.#waiting = [];
    this.#heldBytes = 0;
    this.#rest();
  }

  #release(): void {
    // A delivery may send more, or change the rule: the loop below sees to both.
    if (this.#releasing) return;
    this.#releasing = true;
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      if (!this.#mayLeave(head)) break;
      this.#waiting.shift();
      this.#heldBytes -= head.bytes;
      head.deliver();
    }
    this.#releasing = false;
    this.#arm();
  }

  /** A link that is free again holds nothing back, whatever was on its way. */
  #mayLeave({ dueMs }: Parcel): boolean {
    return this.link.isFree || (!this.link.isCut && dueMs <= performance.now());
  }

  #arm(): void {
    const [head] = this.#waiting;
    if (head === undefined) {
      this.#rest();
      return;
    }
    clearTimeout(this.#timer);
    if (this.link.isCut) return;
    const waitMs = Math.max(0, Math.ceil(head.dueMs - performance.now()));
    this.#timer = setTimeout(() => this.#release(), waitMs).unref();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }
}
