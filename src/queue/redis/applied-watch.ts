// Waits until Redis reflects the log up to an index, told by the apply script over pub/sub.
import type { RedisConnection } from "../../redis/connection.js";
import { readAppliedEntry } from "./applier.js";
import { QueueError } from "../errors.js";
import type { RedisKeys } from "./keys.js";

/** Most callers that wait at a time. */
const MAX_WAITERS = 10_000;
/** Wait before a subscription that could not be completed is tried again. */
const RESUME_RETRY_MS = 200;
const OVERLOADED_RETRY_MS = 1_000;

interface Waiter {
  readonly index: number;
  readonly settle: (reached: boolean) => void;
}

export interface AppliedIndexWatchOptions {
  /** For reads; shared with others. */
  readonly reader: RedisConnection;
  /** For the subscription alone; its owner closes it. */
  readonly subscriber: RedisConnection;
  readonly keys: RedisKeys;
}

/**
 * Knows the applied index that Redis published last. What is published while the subscription is
 * down is lost, so the index is read again each time that it stands.
 */
export class AppliedIndexWatch {
  readonly #options: AppliedIndexWatchOptions;
  readonly #waiters = new Set<Waiter>();
  readonly #stopWatching: () => void;
  /** No waiter waits for less: most publications need not look through them. */
  #lowestAwaited = Number.POSITIVE_INFINITY;
  #known = 0;
  /** Publications so far. */
  #heard = 0;
  #closed = false;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: AppliedIndexWatchOptions) {
    this.#options = options;
    options.subscriber.client.on("message", this.#onMessage);
    this.#stopWatching = options.subscriber.onChange(({ connected }) => {
      if (connected) void this.#resume();
    });
    if (options.subscriber.state.connected) void this.#resume();
  }

  /** The applied index that Redis published last; goes back when Redis has lost writes. */
  get applied(): number {
    return this.#known;
  }

  /**
   * True once Redis has applied `index`; false when that did not happen within `timeoutMs`.
   * @throws QueueError "overloaded" where too many wait already
   */
  async waitFor(index: number, timeoutMs: number): Promise<boolean> {
    if (this.#known >= index) return true;
    if (this.#closed) return false;
    if (this.#waiters.size >= MAX_WAITERS) {
      const message = `${MAX_WAITERS} calls wait for Redis already`;
      throw new QueueError("overloaded", message, { retryAfterMs: OVERLOADED_RETRY_MS });
    }
    return new Promise<boolean>((resolve) => {
      const waiter: Waiter = {
        index,
        settle: (reached) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(reached);
        },
      };
      const timer = setTimeout(() => waiter.settle(false), timeoutMs);
      this.#waiters.add(waiter);
      this.#lowestAwaited = Math.min(this.#lowestAwaited, index);
    });
  }

  /** Ends the watch; who waits is told false. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#stopWatching();
    this.#options.subscriber.client.off("message", this.#onMessage);
    for (const waiter of [...this.#waiters]) waiter.settle(false);
  }

  readonly #onMessage = (channel: string, message: string): void => {
    if (channel !== this.#options.keys.appliedChannel) return;
    this.#heard += 1;
    this.#learn(Number(message));
  };

  /** Subscribes first and reads then: in the other order an index published between is missed. */
  async #resume(): Promise<void> {
    const { keys, reader, subscriber } = this.#options;
    const heardBefore = this.#heard;
    try {
      await subscriber.client.subscribe(keys.appliedChannel);
      const { index } = await readAppliedEntry(reader.client, keys);
      // What was published meanwhile is newer than the answer, or has newer behind it.
      if (this.#heard === heardBefore) this.#learn(index);
    } catch {
      if (!this.#closed) this.#resumeLater();
    }
  }

  /** The subscription or the reader broke in between; what it missed is to be read all the same. */
  #resumeLater(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      if (!this.#closed && this.#options.subscriber.state.connected) void this.#resume();
    }, RESUME_RETRY_MS);
  }

  #learn(index: number): void {
    this.#known = index;
    if (index < this.#lowestAwaited) return;
    let lowest = Number.POSITIVE_INFINITY;
    for (const waiter of [...this.#waiters]) {
      if (waiter.index <= index) waiter.settle(true);
      else lowest = Math.min(lowest, waiter.index);
    }
    this.#lowestAwaited = lowest;
  }
}
