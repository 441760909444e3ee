// A state machine for tests: it keeps every command as text, and its snapshots hold them all. Tests
// hold up what it does, or make it fail.
import type {
  Entry,
  LogIndex,
  SnapshotMeta,
  StateMachine,
  StateSnapshot,
} from "../../src/raft/index.js";

/** Commands in one chunk of a snapshot. */
const COMMANDS_PER_CHUNK = 100;

export class Journal implements StateMachine {
  readonly applied: string[] = [];
  /** Indexes of the snapshots that it was restored from. */
  readonly restored: LogIndex[] = [];
  /** Restores that were begun. */
  restoresBegun = 0;
  /** Chunks of snapshots that were asked for. */
  chunksGiven = 0;
  /** What a restore, and each chunk of a snapshot, waits for. */
  restoreGate: Promise<void> = Promise.resolve();
  snapshotGate: Promise<void> = Promise.resolve();
  snapshotFailure: Error | undefined;
  /** Entries that a snapshot lies behind what is applied. */
  snapshotLag = 0;
  compactThrough: LogIndex | undefined;
  /** Index of each command in `applied`. */
  #indexes: number[] = [];

  apply(entries: readonly Entry[]): void {
    for (const { index, kind, data } of entries) {
      if (kind !== "command") continue;
      this.applied.push(Buffer.from(data).toString());
      this.#indexes.push(index);
    }
  }

  async restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.restoresBegun += 1;
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) {
      chunks.push(chunk);
      await this.restoreGate;
    }
    const commands = Buffer.concat(chunks)
      .toString()
      .split("\n")
      .filter((text) => text !== "");
    this.applied.splice(0, this.applied.length, ...commands);
    this.#indexes = commands.map(() => 0);
    this.restored.push(meta.index);
  }

  snapshot(applied: LogIndex): StateSnapshot | undefined {
    if (this.snapshotFailure !== undefined) throw this.snapshotFailure;
    const index = (applied - this.snapshotLag) as LogIndex;
    const commands = this.applied.filter((_, place) => (this.#indexes[place] ?? 0) <= index);
    return { index, content: this.#chunks(commands) };
  }

  mayCompactThrough(): LogIndex {
    return this.compactThrough ?? (Infinity as LogIndex);
  }

  async *#chunks(commands: readonly string[]): AsyncGenerator<Uint8Array, void, void> {
    for (let at = 0; at < commands.length; at += COMMANDS_PER_CHUNK) {
      this.chunksGiven += 1;
      yield Buffer.from(`${commands.slice(at, at + COMMANDS_PER_CHUNK).join("\n")}\n`);
      await this.snapshotGate;
    }
  }
}

/** A promise to wait for, and what lets those who wait go on. */
export function gate(): { readonly closed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const closed = new Promise<void>((resolve) => (open = resolve));
  return { closed, open };
}

/** What fails whoever waits for it. */
export function broken(error: Error): Promise<void> {
  const rejected = Promise.reject(error);
  // Nobody may wait for it yet.
  rejected.catch(() => undefined);
  return rejected;
}
