// The leader's end of the log for one term: it gathers submissions, reports and losses into log
// entries, and hands pending tasks to free slots as it writes them.
import type { Command, Finish, OperateCommand, Release } from "../../gen/mesh/v1/command.js";
import { CommandBatch } from "../../gen/mesh/v1/command.js";
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { BalancerPolicy } from "../balancing/policy.js";
import { QueueAlarm } from "../controls/queue-alarm.js";
import { noLongerLeading, QueueError } from "../errors.js";
import type { PendingSet } from "../pending/pending-set.js";
import type { Fire } from "../schedules/schedule-clock.js";
import type { Placements } from "../why/placements.js";
import type { EndOfTurn } from "./end-of-turn.js";
import type { Foresight } from "./foresight.js";
import { matchTasks } from "./matching.js";
import { commandsOf, type Outgoing, OutgoingCommands } from "./outgoing-commands.js";
import type { PromotionClock } from "./promotion-clock.js";
import type { WorkerDirectory } from "./worker-directory.js";

/** Entries under way to the quorum; what comes meanwhile joins the next one. */
const MAX_ENTRIES_IN_FLIGHT = 4;
const MAX_ASSIGNMENTS_PER_ENTRY = 1_000;
const MAX_PROMOTIONS_PER_ENTRY = 1_000;

export type LogProposal =
  | { readonly kind: "accepted"; readonly index: number; readonly committed: Promise<void> }
  | { readonly kind: "refused"; readonly reason: string };

/** The leader's end of the log. */
export interface CommandLog {
  /** Index that the next proposal will get. */
  nextIndex(): number;
  /** False while proposals would be refused and may be taken later. */
  writable(): boolean;
  /** @param batch what `data` decodes to: whoever applies the entry here need not decode it */
  propose(data: Uint8Array, batch: CommandBatch): LogProposal;
}

export interface EntryProposerParts {
  readonly log: CommandLog;
  readonly foresight: Foresight;
  readonly pending: PendingSet;
  readonly workers: WorkerDirectory;
  readonly policy: BalancerPolicy;
  readonly promotions: PromotionClock;
  /** Told why tasks were given to the nodes that they were given to. */
  readonly placements: Placements;
  /** At its end `propose` is to be called. */
  readonly turn: EndOfTurn;
  /** Milliseconds since the epoch, never going back. */
  readonly now: () => number;
  /** Called once, when the proposer can no longer trust its picture; it has closed itself by then. */
  readonly onLost: (reason: string) => void;
}

/** Tasks that the entry at `index` submits. */
export interface ProposedTasks {
  readonly index: number;
  readonly tasks: readonly TaskDefinition[];
}

export class EntryProposer {
  readonly #parts: EntryProposerParts;
  readonly #outgoing = new OutgoingCommands();
  readonly #alarm: QueueAlarm;
  #inFlight = 0;
  #closed = false;

  constructor(parts: EntryProposerParts) {
    this.#parts = parts;
    this.#alarm = new QueueAlarm(() => parts.turn.request());
  }

  /** Submitted tasks that are not in an entry yet. */
  get backlog(): number {
    return this.#outgoing.submitCount;
  }

  /** Operations that are not in an entry yet. */
  get waitingOperations(): number {
    return this.#outgoing.operationCount;
  }

  /** Occurrences of schedules that are not in an entry yet. */
  get waitingFires(): number {
    return this.#outgoing.fireCount;
  }

  /** Resolves with the index under which the tasks were committed. */
  submit(tasks: readonly TaskDefinition[]): Promise<number> {
    return this.#add(() => this.#outgoing.submit(tasks));
  }

  /** Resolves with the index of the committed command; the table of operations knows what came of it. */
  operate(operate: OperateCommand): Promise<number> {
    return this.#add(() => this.#outgoing.operate(operate));
  }

  /** Resolves with the index of the committed command, of a kind that no picture here depends on. */
  command(kind: NonNullable<Command["kind"]>): Promise<number> {
    return this.#add(() => this.#outgoing.other({ kind }));
  }

  /** Submits occurrences of schedules, each noted in the very entry that submits it. */
  fire(fires: readonly Fire[]): void {
    if (this.#closed) return;
    this.#outgoing.fire(fires);
    this.#parts.turn.request();
  }

  /** Occurrences of the schedule that are in no entry yet will be in none. */
  dropFires(schedule: string): void {
    this.#outgoing.dropFires(schedule);
  }

  /** Ends an attempt, unless its fence is old or its end is proposed already. */
  finish(finish: Finish): boolean {
    if (this.#closed || !this.#parts.foresight.finishing(finish)) return false;
    this.#outgoing.finish(finish);
    this.#parts.turn.request();
    return true;
  }

  /** Takes a task away from its node, unless its fence is old or its end is proposed already. */
  release(release: Release): boolean {
    if (this.#closed || !this.#parts.foresight.releasing(release)) return false;
    this.#outgoing.release(release);
    this.#parts.turn.request();
    return true;
  }

  /**
   * Proposes one entry of what waits and of what can be given to nodes, if the log takes one now.
   *
   * @returns the tasks that it submits
   */
  propose(): ProposedTasks | undefined {
    const { log, foresight, turn } = this.#parts;
    if (this.#closed || this.#inFlight >= MAX_ENTRIES_IN_FLIGHT || !log.writable()) {
      return undefined;
    }
    const index = log.nextIndex();
    const atMs = this.#parts.now();
    const outgoing = this.#outgoing.take();
    const commands = commandsOf(outgoing);
    foresight.entryMade(outgoing, index, atMs);
    commands.push(...this.#promote(index, atMs), ...this.#assign(index, atMs));
    if (commands.length === 0) return undefined;
    this.#append(index, { atMs, commands }, outgoing);
    if (!this.#outgoing.empty) turn.request();
    return { index, tasks: outgoing.submits };
  }

  close(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#alarm.stop();
    this.#outgoing.rejectAll(error);
  }

  #add(enqueue: () => Promise<number>): Promise<number> {
    if (this.#closed) return Promise.reject(noLongerLeading());
    const index = enqueue();
    this.#parts.turn.request();
    return index;
  }

  #promote(index: number, atMs: number): Command[] {
    const { promotions, foresight } = this.#parts;
    if (!promotions.take(atMs)) return [];
    foresight.promotionMade(index);
    return [{ kind: { $case: "promote", value: { limit: MAX_PROMOTIONS_PER_ENTRY } } }];
  }

  #assign(index: number, atMs: number): Command[] {
    const { pending, workers, policy, placements, foresight, turn, now } = this.#parts;
    const limit = MAX_ASSIGNMENTS_PER_ENTRY;
    const decision = matchTasks(pending, workers, policy, limit, atMs);
    const { assigns, overdue } = decision;
    this.#alarm.set(decision.opensAtMs, now());
    if (assigns.length > 0) placements.record(index, atMs, policy.name, decision);
    foresight.assignmentsMade(assigns, overdue, index);
    const commands: Command[] = assigns.map((value) => ({ kind: { $case: "assign", value } }));
    if (overdue.length > 0) {
      commands.push({ kind: { $case: "overdue", value: { taskIds: [...overdue] } } });
      turn.request();
    }
    return commands;
  }

  #append(index: number, batch: CommandBatch, { waiting }: Outgoing): void {
    const proposal = this.#parts.log.propose(CommandBatch.encode(batch).finish(), batch);
    if (proposal.kind === "refused" || proposal.index !== index) {
      const reason = proposal.kind === "refused" ? proposal.reason : "the log moved";
      const error = new QueueError("outcome_unknown", `the log took no entry: ${reason}`);
      for (const { reject } of waiting) reject(error);
      this.#lose(reason);
      return;
    }
    this.#inFlight += 1;
    proposal.committed.then(
      () => {
        this.#inFlight -= 1;
        for (const { resolve } of waiting) resolve(index);
        this.#parts.turn.request();
      },
      (cause: unknown) => {
        const error = new QueueError("outcome_unknown", "leadership was lost under way", { cause });
        for (const { reject } of waiting) reject(error);
        this.#lose("a proposal was lost");
      },
    );
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    // What is in no entry yet was surely not kept.
    this.close(new QueueError("not_leader", `the leader is closed: ${reason}`));
    this.#parts.onLost(reason);
  }
}
