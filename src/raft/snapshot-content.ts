// The content of a snapshot on disk, for a state machine that is restored from it: chunk by chunk,
// with a turn of the event loop between two, so that ticks and messages are not held up.
import { setImmediate } from "node:timers/promises";
import { invariant, type LogReader, type SnapshotMeta } from "./core/index.js";
import { NodeStopped, SnapshotReplaced } from "./errors.js";

/** Of what one read takes from the disk, and holds in memory. */
const CHUNK_BYTES = 256 * 1024;

export class SnapshotContent implements AsyncIterable<Uint8Array> {
  readonly #log: Pick<LogReader, "snapshotChunk">;
  readonly #meta: SnapshotMeta;
  readonly #signal: AbortSignal;
  #isReplaced = false;

  constructor(log: Pick<LogReader, "snapshotChunk">, meta: SnapshotMeta, signal: AbortSignal) {
    this.#log = log;
    this.#meta = meta;
    this.#signal = signal;
  }

  /** A newer one has taken its place on disk before it was read to its end. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /** @throws SnapshotReplaced, NodeStopped */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    const log = this.#log;
    const meta = this.#meta;
    for (let offset = 0; offset < meta.sizeBytes;) {
      if (this.#signal.aborted) throw new NodeStopped();
      const chunk = log.snapshotChunk(meta, offset, CHUNK_BYTES);
      if (chunk === undefined) {
        this.#isReplaced = true;
        throw new SnapshotReplaced(meta.index);
      }
      invariant(chunk.byteLength > 0, `snapshot ${meta.index} ends before its size`);
      offset += chunk.byteLength;
      yield chunk;
      await setImmediate();
    }
  }
}
