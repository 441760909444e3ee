// Brings Redis to the truth: while this node leads, every committed entry is applied to it, in
// order, from wherever it stands. A Redis that was down, restarted or has lost writes is caught up
// from the log; a leader that was deposed meanwhile can only write what was committed, once. One that
// refused a call, was left half done, or contradicts the log is restored before it is believed.
import type { ApplyOutcome } from "../redis/apply-outcome.js";
import type { CommittedEntry } from "../state/committed-entry.js";
import {
  AppliedIndexMismatch,
  RedisRefused,
  RedisUnavailable,
  RestoreInterrupted,
} from "../redis/errors.js";
import { RedisBelief } from "./redis-belief.js";

/** Entries read from the log at a time. */
const MAX_ENTRIES_PER_READ = 256;
/** Wait before Redis is tried again, unless its connection reports sooner. */
const RETRY_AFTER_MS = 250;
/** While there is nothing to apply, Redis is asked this often whether it still has what it had. */
const LOOK_AFTER_MS = 1_000;

/** The committed part of the log, as applied by this node's state machine. */
export interface CommittedLog {
  /** Oldest entry that can still be read. */
  firstIndex(): number;
  /** Last entry that is committed and applied to the assignment table. */
  appliedIndex(): number;
  /** Entries from `from` on, at least one where there is one, at most `maxEntries`. */
  read(from: number, maxEntries: number): readonly CommittedEntry[];
}

export interface Applier {
  /** Below 0 where what Redis holds is of no entry, and is to be restored. */
  appliedIndex(): Promise<number>;
  /** Rejects with RedisRefused where Redis would keep a script from a command that it needs. */
  prove(): Promise<void>;
  apply(entries: readonly CommittedEntry[]): Promise<readonly ApplyOutcome[]>;
}

/** Loads this node's newest snapshot into a Redis that is too far behind for the log. */
export interface SnapshotRestorer {
  /** Entry of the snapshot; 0 where there is none: the log then begins with the first entry. */
  index(): number;
  /**
   * @param found applied index as found; below 0 for a script or a restore that was not ended
   * @throws RestoreInterrupted where Redis changed meanwhile, RedisUnavailable, RedisRefused
   */
  restore(found: number, signal: AbortSignal): Promise<void>;
}

export type SyncState =
  | { readonly kind: "in-step" }
  | { readonly kind: "waiting"; readonly reason: string }
  /** Redis stands past the log, it refuses us, or nothing reaches back to where it stands. */
  | { readonly kind: "stuck"; readonly reason: string };

export interface RedisSyncEvents {
  /**
   * Redis reflects the log up to `redisIndex`; awaited before the next batch.
   *
   * @returns false where Redis was to be read and did not answer: it is tried again soon
   */
  onProgress(redisIndex: number, outcomes: readonly ApplyOutcome[]): Promise<boolean>;
  onState(state: SyncState): void;
}

export class RedisSync {
  readonly #log: CommittedLog;
  readonly #applier: Applier;
  readonly #events: RedisSyncEvents;
  readonly #snapshots: SnapshotRestorer | undefined;
  readonly #belief = new RedisBelief();
  #redisIndex: number | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;
  #retry: (() => void) | undefined;
  #loop: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(
    log: CommittedLog,
    applier: Applier,
    events: RedisSyncEvents,
    snapshots?: SnapshotRestorer,
  ) {
    this.#log = log;
    this.#applier = applier;
    this.#events = events;
    this.#snapshots = snapshots;
  }

  /** Undefined until Redis has answered. */
  get redisIndex(): number | undefined {
    return this.#redisIndex;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Resolves once the call under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.abort();
    this.wake();
    this.retryNow();
    await this.#loop;
  }

  /** There may be more to apply. No reason to try a Redis that does not answer: see `retryNow`. */
  wake(): void {
    this.#wake?.();
  }

  /** Redis may answer again. */
  retryNow(): void {
    this.#retry?.();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#step();
      } catch (error) {
        await this.#recover(error).catch((unexpected: unknown) => this.#baffled(unexpected));
      }
    }
  }

  async #step(): Promise<void> {
    const found = this.#redisIndex ?? (await this.#applier.appliedIndex());
    const next = found + 1;
    const last = this.#log.appliedIndex();
    if (found < 0 || this.#belief.doubt !== undefined) return this.#restore(found);
    if (next > last + 1) {
      return this.#stuck(`Redis reflects entry ${found}, the log ends at ${last}`);
    }
    if (next < this.#log.firstIndex()) {
      return this.#restore(found);
    }
    if (this.#redisIndex === undefined) {
      this.#redisIndex = found;
      return this.#progress("read", []);
    }
    if (next > last) return this.#watchOver(found);
    const entries = this.#log.read(next, MAX_ENTRIES_PER_READ);
    const through = entries.at(-1)?.index ?? found;
    const outcomes = await this.#apply(entries, through);
    if (this.#snapshots !== undefined && this.#belief.isContradicted(outcomes)) {
      this.#redisIndex = undefined;
      return;
    }
    this.#redisIndex = through;
    this.#belief.reached(through);
    await this.#progress("written", outcomes);
  }

  async #apply(
    entries: readonly CommittedEntry[],
    through: number,
  ): Promise<readonly ApplyOutcome[]> {
    try {
      return await this.#applier.apply(entries);
    } catch (error) {
      if (error instanceof RedisRefused && this.#snapshots !== undefined) {
        this.#belief.refused(error, through);
        // That names every command that is denied.
        if (error.code === "NOPERM") await this.#applier.prove();
      }
      throw error;
    }
  }

  /** Redis was emptied, has lost more than the log reaches back, was left half done, or is in doubt. */
  async #restore(found: number): Promise<void> {
    if (this.#snapshots === undefined) {
      return this.#stuck(`Redis reflects entry ${found}, the log begins past it`);
    }
    const { doubt, pauseMs } = this.#belief;
    const state = found < 0 ? "half done" : `at entry ${found}, before the log's first`;
    const index = this.#snapshots.index();
    const reason = `${doubt ?? `Redis is ${state}`}: it is restored from the snapshot of entry ${index}`;
    this.#events.onState({ kind: "waiting", reason });
    // Else the restore would be left half done, again and again.
    await this.#applier.prove();
    this.#belief.restoring(this.#log.appliedIndex());
    if (pauseMs > 0) await this.#untilRetry(pauseMs);
    if (this.#stopped) return;
    this.#redisIndex = undefined;
    await this.#snapshots.restore(found, this.#stopping.signal);
    this.#belief.restored();
  }

  async #progress(how: "read" | "written", outcomes: readonly ApplyOutcome[]): Promise<void> {
    // A Redis that can be read may still refuse every write; one that takes them may have far to go.
    const behind = this.#log.appliedIndex() - (this.#redisIndex ?? 0);
    if (behind <= (how === "read" ? 0 : MAX_ENTRIES_PER_READ)) {
      this.#events.onState({ kind: "in-step" });
    }
    if (await this.#events.onProgress(this.#redisIndex ?? 0, outcomes)) return;
    this.#redisIndex = undefined;
    this.#events.onState({ kind: "waiting", reason: "Redis was not read" });
    await this.#untilRetry();
  }

  async #recover(error: unknown): Promise<void> {
    if (error instanceof AppliedIndexMismatch) {
      // Writes were lost, or one arrived late: either way something may have been missed.
      this.#events.onState({ kind: "waiting", reason: error.message });
      this.#redisIndex = error.applied < 0 ? undefined : error.applied;
      if (error.applied >= 0) return this.#progress("read", error.outcomes);
      await this.#events.onProgress(0, error.outcomes);
      return;
    }
    if (error instanceof RedisRefused) return this.#stuck(error.message);
    if (error instanceof RestoreInterrupted) {
      this.#redisIndex = undefined;
      this.#events.onState({ kind: "waiting", reason: error.message });
      return this.#untilRetry();
    }
    if (!(error instanceof RedisUnavailable)) return this.#baffled(error);
    if (error.outcomes.length > 0) {
      await this.#events.onProgress(this.#redisIndex ?? 0, error.outcomes);
    }
    // What was sent last may have been applied all the same: ask before sending again.
    this.#redisIndex = undefined;
    this.#events.onState({ kind: "waiting", reason: error.message });
    await this.#untilRetry();
  }

  /**
   * An error that is none of those expected. Nobody awaits the loop, so it is reported and tried
   * again, not thrown.
   */
  #baffled(error: unknown): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return this.#stuck(`bringing Redis up to date failed: ${text}`);
  }

  #stuck(reason: string): Promise<void> {
    this.#events.onState({ kind: "stuck", reason });
    this.#redisIndex = undefined;
    return this.#untilRetry();
  }

  /** A mesh without work applies nothing: only a look shows that Redis was wiped meanwhile. */
  async #watchOver(expected: number): Promise<void> {
    if ((await this.#untilWoken()) === "woken") return;
    const applied = await this.#applier.appliedIndex();
    if (applied === expected) return;
    this.#events.onState({
      kind: "waiting",
      reason: `Redis has applied entry ${applied}, not ${expected}`,
    });
    this.#redisIndex = undefined;
  }

  #untilWoken(): Promise<"woken" | "idle"> {
    if (this.#stopped) return Promise.resolve("woken");
    return new Promise((resolve) => {
      const end = (how: "woken" | "idle"): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(how);
      };
      const timer = setTimeout(() => end("idle"), LOOK_AFTER_MS);
      this.#wake = () => end("woken");
    });
  }

  #untilRetry(afterMs = RETRY_AFTER_MS): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.retryNow(), afterMs);
      this.#retry = () => {
        clearTimeout(timer);
        this.#retry = undefined;
        resolve();
      };
    });
  }
}
