// Takes submissions: refuses what is wrong, recognises what was sent before, and answers once the
// rest is on disk on a majority.
import { ulid } from "ulid";
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type {
  SubmitTaskRequest,
  SubmitTaskResult,
  SubmitTasksRequest,
} from "../../gen/mesh/v1/task_service.js";
import { expired, QueueError } from "../errors.js";
import { RedisUnavailable } from "../redis/errors.js";
import { defineTask, type SubmissionDefaults } from "../task/define-task.js";
import type { Admission } from "./admission.js";
import type { EntryProposer } from "./entry-proposer.js";
import {
  type Known,
  KnownTasks,
  type KnownTasksParts,
  type LookedUp,
  type Proposed,
} from "./known-tasks.js";
import type { KnownTypes } from "./known-types.js";
import { splitForEntries } from "./outgoing-commands.js";
import { SubmissionAnswers, type SubmissionAnswersParts } from "./submission-answers.js";
import { undecided, type UniqueDecisions } from "./unique-decisions.js";

export interface SubmissionParts extends KnownTasksParts, SubmissionAnswersParts {
  readonly reader: KnownTasksParts["reader"];
  readonly admission: Pick<Admission, "admitSubmission">;
  readonly proposer: Pick<EntryProposer, "submit">;
  readonly decisions: UniqueDecisions;
  readonly defaults: SubmissionDefaults;
  readonly types: Pick<KnownTypes, "settled" | "takes" | "whyNot">;
  /** One place that turns an error into what the client is told. */
  readonly refusal: (error: unknown) => SubmitTaskResult;
}

interface Item {
  readonly position: number;
  readonly definition: TaskDefinition;
  known: Known | undefined;
}

export class Submissions {
  readonly #parts: SubmissionParts;
  readonly #knownTasks: KnownTasks;
  readonly #answers: SubmissionAnswers;

  constructor(parts: SubmissionParts) {
    this.#parts = parts;
    this.#knownTasks = new KnownTasks(parts);
    this.#answers = new SubmissionAnswers(parts);
  }

  /**
   * Results in the order of the items; a refused item is refused alone.
   * @throws QueueError "overloaded", "not_leader"
   */
  async submit(request: SubmitTasksRequest): Promise<SubmitTaskResult[]> {
    const { admission, types, refusal } = this.#parts;
    admission.admitSubmission();
    this.#refuseExpired(request);
    await types.settled(request.items);
    const results: SubmitTaskResult[] = request.items.map(() => ({ outcome: undefined }));
    const items: Item[] = [];
    request.items.forEach((asked, position) => {
      try {
        items.push({ position, definition: this.#define(asked), known: undefined });
      } catch (error) {
        results[position] = refusal(error);
      }
    });
    const definitions = items.map(({ definition }) => definition);
    const found = await this.#knownTasks.lookUp(definitions, request.resend);
    // From here to the proposal nothing waits, so that no other submission comes in between.
    const taken = this.#refuseUnseen(items, found, results);
    const fresh = this.#reserveFresh(taken);
    const proposed = await fresh.proposed;
    await Promise.all(
      taken.map(async (item) => {
        results[item.position] = await this.#answer(item, proposed).catch(refusal);
      }),
    );
    return results;
  }

  /** A copy that comes late: what it was told apart by may be forgotten. */
  #refuseExpired({ expiresAtMs }: SubmitTasksRequest): void {
    if (expiresAtMs !== undefined && expiresAtMs <= this.#parts.now()) {
      throw expired(expiresAtMs, this.#parts.now());
    }
  }

  /** A task with every default resolved. @throws QueueError "invalid_field", "unknown_type" */
  async define(asked: SubmitTaskRequest): Promise<TaskDefinition> {
    await this.#parts.types.settled([asked]);
    return this.#define(asked);
  }

  #define(asked: SubmitTaskRequest): TaskDefinition {
    const { now, defaults, types } = this.#parts;
    const nowMs = now();
    const id = asked.id === "" ? ulid(nowMs) : asked.id;
    const definition = defineTask(asked, id, nowMs, defaults);
    if (!types.takes(definition.type)) {
      throw new QueueError("unknown_type", types.whyNot(definition.type), { field: "type" });
    }
    return definition;
  }

  /**
   * Finds out which items are known, and refuses those of which that cannot be seen.
   *
   * @returns the others
   */
  #refuseUnseen(items: readonly Item[], found: LookedUp, results: SubmitTaskResult[]): Item[] {
    const known = this.#knownTasks;
    const before = new Set<string>();
    return items.filter((item) => {
      const { definition } = item;
      item.known = known.known(definition, found);
      const refusal =
        item.known === undefined ? known.refusalOf(definition, found, before) : undefined;
      if (refusal === undefined) before.add(definition.id);
      else results[item.position] = this.#parts.refusal(refusal);
      return refusal === undefined;
    });
  }

  /** Proposes the items that are new; the same id or key twice in one request counts once. */
  #reserveFresh(items: readonly Item[]): { readonly proposed: Promise<Proposed> } {
    const fresh: TaskDefinition[] = [];
    let settle: (outcome: Promise<Proposed>) => void = () => undefined;
    const committed = new Promise<Proposed>((resolve) => (settle = resolve));
    // Whoever waits for it handles its failure; that nobody waits is no fault.
    committed.catch(() => undefined);
    for (const item of items) {
      const { definition } = item;
      item.known ??= this.#knownTasks.recent(definition);
      if (item.known !== undefined) continue;
      fresh.push(definition);
      this.#knownTasks.begin(definition, committed);
    }
    const proposed = this.#propose(fresh).finally(() => {
      for (const definition of fresh) this.#knownTasks.end(definition);
    });
    settle(proposed);
    return { proposed };
  }

  async #propose(tasks: readonly TaskDefinition[]): Promise<Proposed> {
    const decisions = tasks
      .filter(({ uniqueKey }) => uniqueKey !== "")
      .map((task) => ({ task, decision: this.#parts.decisions.expect(task.id) }));
    try {
      const parts = splitForEntries(tasks).map((part) => this.#parts.proposer.submit(part));
      const index = Math.max(0, ...(await Promise.all(parts)));
      const decided = decisions.map(async ({ task, decision }) => {
        const known = decision.at(index).then((told) => told ?? this.#standsFor(task, index));
        return [task.id, await known.catch(asQueueError)] as const;
      });
      return { index, decided: new Map(await Promise.all(decided)) };
    } finally {
      for (const { decision } of decisions) decision.drop();
    }
  }

  /** The task that the submission at `index` has become, read in Redis after it was applied. */
  async #standsFor({ id, uniqueKey }: TaskDefinition, index: number): Promise<string> {
    const { reader } = this.#parts;
    const existing = await reader.reflecting(index, () => reader.existing([id]));
    if (existing.has(id)) return id;
    const holders = await reader.reflecting(index, () => reader.holders([uniqueKey]));
    const holder = holders.get(uniqueKey);
    if (holder === undefined) throw undecided();
    return holder;
  }

  async #answer({ definition, known }: Item, proposed: Proposed): Promise<SubmitTaskResult> {
    return known === undefined
      ? this.#answers.ofNew(definition, proposed)
      : this.#answers.ofKnown(definition, known);
  }
}

function asQueueError(error: unknown): QueueError {
  if (error instanceof RedisUnavailable) return undecided();
  if (error instanceof QueueError) return error;
  throw error;
}
