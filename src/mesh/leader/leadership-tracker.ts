// Opens the leader of the queue when this node is elected and has applied the first entry of its term, and
// closes it when the term is over. One place knows who leads, for forwarding and for the worker.
import type { Leadership, LeadershipView } from "../../api/task-backend.js";
import { QueueError } from "../../queue/errors.js";
import type { QueueLeader } from "../../queue/leader/leader.js";
import type { RaftNode, SoftState } from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";
import type { LeaderSessions } from "./leader-sessions.js";
import type { AppliedEntry } from "../../queue/state/queue-machine.js";

/** Wait before a log that took no entry, as during a transfer of leadership, is asked again. */
const BARRIER_RETRY_MS = 50;

export interface LeadershipOptions {
  readonly raft: RaftNode;
  readonly sessions: LeaderSessions;
  readonly addressOf: (nodeId: string) => string | undefined;
  /** Builds the leader of a term that began with the entry at `startIndex`. */
  readonly open: (startIndex: number, onLost: (reason: string) => void) => QueueLeader;
  /** A command that changes nothing. */
  readonly emptyCommand: () => Uint8Array;
  readonly logger: Logger;
}

export class LeadershipTracker implements LeadershipView {
  readonly #options: LeadershipOptions;
  readonly #listeners = new Set<() => void>();
  #leader: QueueLeader | undefined;
  #closing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    options.raft.onSoftState((state) => this.#softStateChanged(state));
  }

  /** The open leader of this node; undefined where it does not lead, or has only just been elected. */
  get leader(): QueueLeader | undefined {
    return this.#leader;
  }

  /** @throws QueueError "not_leader" */
  requireLeader(): QueueLeader {
    if (this.#leader === undefined) {
      throw new QueueError("not_leader", "this node does not lead");
    }
    return this.#leader;
  }

  /**
   * Who leads, as far as this node knows; "unknown" also between an election and the first applied
   * entry.
   */
  leadership(): Leadership {
    if (this.#leader !== undefined) return { kind: "self" };
    const { role, leader } = this.#options.raft.softState;
    if (role === "leader" || leader === undefined) return { kind: "unknown" };
    const address = this.#options.addressOf(leader);
    return address === undefined ? { kind: "unknown" } : { kind: "other", id: leader, address };
  }

  /**
   * Calls `listener` after each change of what `leadership` answers.
   * @returns the function that ends it
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * An entry was applied to this node's tables: passed on to the open leader, or the first of a
   * term opens one.
   */
  entryApplied({ index, term, changes }: AppliedEntry): void {
    if (this.#leader !== undefined) {
      this.#leader.committed(changes);
      return;
    }
    const { role, term: current } = this.#options.raft.softState;
    // The first entry of the own term: everything before it is applied, so the table is whole.
    if (role === "leader" && term === current) this.#open(index);
  }

  /** Closes the leader, if there is one; resolves once its last write to Redis has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#close();
    await this.#closing;
  }

  #softStateChanged({ role, leader, term }: SoftState): void {
    this.#options.logger.info({ term, leaderId: leader, role }, "raft role");
    this.#close();
    this.#tell();
  }

  #open(startIndex: number): void {
    if (this.#stopped) return;
    const term = this.#options.raft.softState.term;
    const isCurrent = (): boolean =>
      !this.#stopped &&
      this.#leader === undefined &&
      this.#options.raft.softState.role === "leader" &&
      this.#options.raft.softState.term === term;
    // The last leader's write to Redis must have ended: writes of one process never overlap.
    void this.#closing.then(() => {
      if (!isCurrent()) return;
      const leader = this.#options.open(startIndex, (reason) => {
        if (this.#leader === leader) this.#lost(reason);
      });
      this.#leader = leader;
      leader.start();
      this.#options.sessions.serve(leader);
      this.#options.logger.info({ term, logIndex: startIndex }, "leading the mesh");
      this.#tell();
    });
  }

  /** The leader no longer knows what is in the log: a new one is opened with the next entry. */
  #lost(reason: string): void {
    this.#options.logger.warn({ reason }, "the leader begins anew");
    this.#close();
    this.#tell();
    this.#proposeBarrier();
  }

  /** An empty command, whose commit says that everything before it is applied. */
  #proposeBarrier(): void {
    const { raft } = this.#options;
    if (this.#stopped || this.#leader !== undefined || raft.softState.role !== "leader") return;
    const barrier = raft.propose(this.#options.emptyCommand());
    if (barrier.kind === "accepted") barrier.committed.catch(() => undefined);
    else setTimeout(() => this.#proposeBarrier(), BARRIER_RETRY_MS).unref();
  }

  #close(): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    this.#leader = undefined;
    this.#options.sessions.serve(undefined);
    this.#closing = leader.close().catch((error: unknown) => {
      this.#options.logger.error({ err: error }, "the leader did not close well");
    });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
