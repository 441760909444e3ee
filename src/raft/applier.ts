// Brings committed entries to the state machine, in order, and snapshots in their place. While a
// snapshot is being restored, entries wait; the core bounds how many by maxApplyingBytes.
import { type Entry, logIndex, type LogIndex, type SnapshotMeta } from "./core/index.js";
import type { DurableLog } from "./storage/durable-log.js";
import { SnapshotContent } from "./snapshot-content.js";
import type { StateMachine } from "./state-machine.js";

export interface ApplierParts {
  readonly log: Pick<DurableLog, "snapshot" | "snapshotChunk">;
  readonly stateMachine: Pick<StateMachine, "apply" | "restore">;
  /** The node stops: nothing is applied from here on. */
  readonly signal: AbortSignal;
  /** Ends what reads the state that a snapshot is about to replace. */
  readonly beforeRestore: () => Promise<void>;
  /** The state machine has arrived at `index`, by these entries; by a snapshot where there are none. */
  readonly onApplied: (index: LogIndex, entries: readonly Entry[]) => void;
  /** The state machine failed outside of a call of `apply`. */
  readonly onFatal: (error: unknown) => void;
}

export class Applier {
  readonly #parts: ApplierParts;
  #appliedIndex = logIndex(0);
  /** The state machine is to be restored from it before anything else. */
  #target: SnapshotMeta | undefined;
  /** Handed out behind the target, oldest first. */
  #waiting: (readonly Entry[])[] = [];
  #restoring: Promise<void> | undefined;

  /** Begins behind the snapshot on disk, where there is one: entries wait until `start`. */
  constructor(parts: ApplierParts) {
    this.#parts = parts;
    this.#target = parts.log.snapshot();
  }

  /** What the state machine has arrived at; 0 until the first restore is done. */
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get isRestoring(): boolean {
    return this.#target !== undefined;
  }

  /** Restores the snapshot that was found on disk. */
  start(): void {
    if (this.#target !== undefined) this.#restoring ??= this.#restoreNewest();
  }

  /** A snapshot was received: it covers all that was handed out before. */
  restore(meta: SnapshotMeta): void {
    this.#target = meta;
    this.#waiting = [];
    this.#restoring ??= this.#restoreNewest();
  }

  /** Now, or behind the restore that is under way. */
  apply(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    if (this.#target !== undefined) {
      this.#waiting.push(entries);
      return;
    }
    this.#parts.stateMachine.apply(entries);
    this.#appliedIndex = last.index;
    this.#parts.onApplied(last.index, entries);
  }

  /** Resolves when no restore is under way. */
  async settled(): Promise<void> {
    await this.#restoring;
  }

  async #restoreNewest(): Promise<void> {
    try {
      while (this.#target !== undefined && (await this.#tryRestore(this.#target)));
    } catch (error) {
      this.#parts.onFatal(error);
    } finally {
      this.#restoring = undefined;
    }
  }

  /** False where there is nothing to go on with for now. */
  async #tryRestore(meta: SnapshotMeta): Promise<boolean> {
    const { log, stateMachine, signal, beforeRestore, onApplied } = this.#parts;
    await beforeRestore();
    const content = new SnapshotContent(log, meta, signal);
    let failure: { readonly error: unknown } | undefined;
    try {
      await stateMachine.restore(meta, content);
    } catch (error) {
      failure = { error };
    }
    if (signal.aborted) return false;
    if (this.#target !== meta) return true;
    // The newer one is on disk already, and the core is about to name it.
    if (content.isReplaced) return false;
    if (failure !== undefined) throw failure.error;
    this.#target = undefined;
    this.#appliedIndex = meta.index;
    onApplied(meta.index, []);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const entries of waiting) this.apply(entries);
    return true;
  }
}
