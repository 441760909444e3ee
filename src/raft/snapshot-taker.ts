// Takes snapshots of the state machine as the policy says, and lets the log go that they cover.
// Everything here goes on beside the node's turns; a bad disk is the only thing that ends the node.
import { entryBytes } from "./core/log-tail.js";
import {
  type Entry,
  invariant,
  type LogIndex,
  logIndex,
  type Membership,
  type SnapshotMeta,
} from "./core/index.js";
import type { DurableLog } from "./storage/durable-log.js";
import type { SnapshotPolicy } from "./node-options.js";
import type { StateMachine, StateSnapshot } from "./state-machine.js";

/**
 * A snapshot that is on its way to a follower is not replaced by a newer one, or the transfer would
 * begin anew: one that is due waits, until the policy's measures are exceeded this many times.
 */
const MAX_POSTPONEMENT = 4;

export interface SnapshotTakerParts {
  readonly log: DurableLog;
  readonly stateMachine: Pick<StateMachine, "snapshot" | "mayCompactThrough">;
  readonly policy: Required<SnapshotPolicy>;
  /** While it restores, what the state machine holds is of no index. */
  readonly applier: { readonly appliedIndex: LogIndex; readonly isRestoring: boolean };
  readonly core: {
    membershipAt(index: LogIndex): Membership | undefined;
    status(): { readonly peers: readonly { readonly snapshotOffset: number | undefined }[] };
  };
  /** The state machine could not give one. */
  readonly onFailed: (error: unknown) => void;
  /** The disk failed, or a promise was broken. */
  readonly onFatal: (error: unknown) => void;
}

type Outcome =
  | { readonly kind: "taken"; readonly meta: SnapshotMeta }
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly error: unknown };

const NONE: Outcome = { kind: "none" };

export class SnapshotTaker {
  readonly #parts: SnapshotTakerParts;
  /** Applied since a snapshot was last begun. */
  #entries = 0;
  #bytes = 0;
  #taking: { readonly outcome: Promise<Outcome>; readonly abort: AbortController } | undefined;
  #compacting: Promise<void> | undefined;
  #compactedThrough = 0;

  constructor(parts: SnapshotTakerParts) {
    this.#parts = parts;
  }

  /** None: a snapshot was restored. */
  noteApplied(entries: readonly Entry[]): void {
    if (entries.length === 0) this.#begun();
    this.#entries += entries.length;
    for (const entry of entries) this.#bytes += entryBytes(entry);
  }

  /** What is counted begins anew. */
  #begun(): void {
    this.#entries = 0;
    this.#bytes = 0;
  }

  /** Does what is due. */
  tick(): void {
    if (this.#parts.applier.isRestoring) return;
    if (this.#taking === undefined && this.#isDue()) {
      const { onFailed, onFatal } = this.#parts;
      this.#begin()
        .then((outcome) => {
          if (outcome.kind === "failed") onFailed(outcome.error);
        })
        .catch(onFatal);
    }
    this.#maybeCompact();
  }

  /**
   * Takes one now, or joins the one under way. Undefined where there is none to be had.
   * @throws what the state machine threw
   */
  async take(): Promise<SnapshotMeta | undefined> {
    const outcome = await (this.#taking?.outcome ?? this.#begin()).catch((error: unknown) => {
      this.#parts.onFatal(error);
      throw error;
    });
    switch (outcome.kind) {
      case "taken":
        return outcome.meta;
      case "none":
        return undefined;
      case "failed":
        throw outcome.error;
    }
  }

  /** Gives up what is under way; resolves when nothing is. */
  async abort(): Promise<void> {
    this.#taking?.abort.abort();
    await this.settled();
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#taking?.outcome, this.#compacting]);
  }

  /** The newest snapshot is on its way to a follower. */
  #isSending(): boolean {
    return this.#parts.core
      .status()
      .peers.some(({ snapshotOffset }) => snapshotOffset !== undefined);
  }

  #isDue(): boolean {
    const { log, stateMachine, policy } = this.#parts;
    if (stateMachine.snapshot === undefined) return false;
    // A large state is not written again for a log that is small beside it: what snapshots write in
    // all is no more than what the log does.
    if (this.#bytes < (log.snapshot()?.sizeBytes ?? 0)) return false;
    const measure = Math.max(this.#entries / policy.everyEntries, this.#bytes / policy.everyBytes);
    return measure >= MAX_POSTPONEMENT || (measure >= 1 && !this.#isSending());
  }

  #begin(): Promise<Outcome> {
    this.#entries = 0;
    this.#bytes = 0;
    const abort = new AbortController();
    const outcome = this.#run(abort.signal).finally(() => (this.#taking = undefined));
    this.#taking = { outcome, abort };
    return outcome;
  }

  async #run(signal: AbortSignal): Promise<Outcome> {
    const { log, stateMachine, applier } = this.#parts;
    if (applier.isRestoring) return NONE;
    let snapshot: StateSnapshot | undefined;
    try {
      snapshot = await stateMachine.snapshot?.(applier.appliedIndex, signal);
    } catch (error) {
      return failed(error, signal);
    }
    if (snapshot === undefined || signal.aborted) return NONE;
    const { index } = snapshot;
    invariant(index <= applier.appliedIndex, `a snapshot at ${index}, which is not applied`);
    if (index <= (log.snapshot()?.index ?? 0)) return NONE;
    const term = log.term(index);
    const membership = this.#parts.core.membershipAt(index);
    // A server that joined knows no configuration before the first that its log holds.
    if (term === undefined || membership === undefined || membership.voters.length === 0) {
      return NONE;
    }
    const failures: unknown[] = [];
    const content = watched(snapshot.content, signal, (error) => failures.push(error));
    try {
      return { kind: "taken", meta: await log.saveSnapshot({ index, term, membership }, content) };
    } catch (error) {
      if (failures.length === 0) throw error;
      return failed(error, signal);
    }
  }

  #maybeCompact(): void {
    const { log, stateMachine, policy, onFatal } = this.#parts;
    const snapshot = log.snapshot();
    if (snapshot === undefined || this.#compacting !== undefined) return;
    const through = Math.min(
      snapshot.index,
      stateMachine.mayCompactThrough?.() ?? snapshot.index,
      log.lastIndex() - policy.keepEntries,
    );
    if (through <= this.#compactedThrough || through < log.firstIndex()) return;
    this.#compactedThrough = through;
    this.#compacting = log
      .compact(logIndex(through), policy.keepEntries)
      .catch(onFatal)
      .finally(() => (this.#compacting = undefined));
  }
}

/** What it throws once it is not wanted any more is no failure. */
function failed(error: unknown, signal: AbortSignal): Outcome {
  return signal.aborted ? NONE : { kind: "failed", error };
}

/** Tells a failure of the content, which harms nothing, from one of the disk. */
async function* watched(
  content: StateSnapshot["content"],
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of content) {
      signal.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    onFailure(error);
    throw error;
  }
}
