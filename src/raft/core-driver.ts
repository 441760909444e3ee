// Turns of the event loop around a core: what is put into it within one turn makes one batch, which
// shares an append message and a sync. Messages go to the transport, writes to the disk, and the rest of
// what the core has ready to whoever holds the driver.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RaftCore, Ready, Write } from "./core/index.js";
import { NodeStopped } from "./errors.js";
import type { RaftTransport } from "./node-options.js";
import type { DurableLog } from "./storage/durable-log.js";

export interface CoreDriverOptions {
  readonly core: RaftCore;
  readonly log: Pick<DurableLog, "write" | "lost">;
  readonly transport: RaftTransport;
  /** Told of each batch, its messages sent and its write under way. */
  readonly onReady: (ready: Ready) => void;
  /** The core found a broken promise, or the disk failed: called once, and `halt` is to follow. */
  readonly onFatal: (error: unknown) => void;
}

export class CoreDriver {
  readonly #options: CoreDriverOptions;
  readonly #stopping = new AbortController();
  #writes: Write[] = [];
  #writing: Promise<void> | undefined;
  /** Messages were handed to the transport in this turn. */
  #isSending = false;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(options: CoreDriverOptions) {
    this.#options = options;
  }

  /** Aborted by `halt`. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** A server that writes nothing at the moment must not go on leading or voting without its disk either. */
  watchDisk(): void {
    const { lost } = this.#options.log;
    lost?.addEventListener("abort", () => this.fail(lost.reason), { signal: this.signal });
  }

  /** Nothing is put in, sent or written from now on, but for the write that is under way. */
  halt(): void {
    this.#stopping.abort();
    clearImmediate(this.#scheduled);
  }

  /** Resolves when the write under way has ended. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /**
   * Calls the core; where it finds a broken promise, the driver fails and the caller learns why.
   * @throws NodeStopped
   */
  guard<T>(call: () => T): T {
    if (this.isStopped) throw new NodeStopped();
    try {
      return call();
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** Puts something into the core, unless it has stopped. */
  input(step: () => void): void {
    if (this.isStopped) return;
    try {
      step();
    } catch (error) {
      this.fail(error);
      return;
    }
    this.schedule();
  }

  /** Something was put in: what the core has ready is handled at the end of this turn. */
  schedule(): void {
    if (this.isStopped) return;
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      this.#isSending = false;
      this.#drive();
    });
  }

  fail(error: unknown): void {
    if (!this.isStopped) this.#options.onFatal(error);
  }

  #drive(): void {
    const { core } = this.#options;
    try {
      while (!this.isStopped && core.hasReady()) {
        const ready = core.ready();
        this.#handle(ready);
        // Whoever waited for these may propose the next in this very turn, and the append that
        // carries it tells of the commit, too.
        if (ready.committed.length > 0) {
          this.schedule();
          return;
        }
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #handle(ready: Ready): void {
    if (ready.messages.length > 0) {
      this.#options.transport.send(ready.messages);
      this.#isSending = true;
    }
    if (ready.write !== undefined) {
      this.#writes.push(ready.write);
      this.#writing ??= this.#writeAll();
    }
    this.#options.onReady(ready);
  }

  /** Writes what there is, and what has gathered meanwhile, each time with one sync. */
  async #writeAll(): Promise<void> {
    const { core, log, transport } = this.#options;
    try {
      while (this.#writes.length > 0) {
        const writes = await this.#takeWrites();
        const outcomes = await log.write(writes);
        if (this.isStopped) return;
        writes.forEach((write, at) => {
          if (outcomes[at] === "snapshot-corrupt") core.persistedButSnapshotCorrupt(write.sequence);
          else core.persisted(write.sequence);
          if (write.messagesAfter.length > 0) transport.send(write.messagesAfter);
        });
        // Commits that this write made possible go out before the next one is waited for.
        this.#drive();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.#writing = undefined;
    }
  }

  /** The transport sends with the next turn: so not behind a write, but while the disk syncs. */
  async #takeWrites(): Promise<readonly Write[]> {
    if (this.#isSending) await nextTurn();
    const writes = this.isStopped ? [] : this.#writes;
    this.#writes = [];
    return writes;
  }
}
