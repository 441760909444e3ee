// Takes submissions: refuses what is wrong, recognises what was sent before, and answers once the
// rest is on disk on a majority.
import { ulid } from "ulid";
import { type Task, type TaskDefinition } from "../../gen/mesh/v1/task.js";
import type {
  SubmitTaskRequest,
  SubmitTaskResult,
  SubmitTasksRequest,
} from "../../gen/mesh/v1/task_service.js";
import type { AssignmentTable } from "../state/assignment-table.js";
import { type UniqueDecisions, undecided } from "./unique-decisions.js";
import type { DefinitionCache } from "../state/definition-cache.js";
import { QueueError } from "../errors.js";
import { splitForEntries } from "./outgoing-commands.js";
import { RedisUnavailable } from "../redis/errors.js";
import { defineTask, type SubmissionDefaults } from "../task/submission.js";
import { taskFromLog } from "../task/task-snapshot.js";

export interface SubmissionReader {
  /** What `read` reads; throws RedisUnavailable where what answers does not reflect the log up to `index`. */
  reflecting<T>(index: number, read: () => Promise<T>): Promise<T>;
  /** Tasks that have not ended, by the unique key that they hold. */
  holders(uniqueKeys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  getTask(id: string): Promise<Task | undefined>;
  existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
  idempotent(keys: readonly string[], atMs: number): Promise<ReadonlyMap<string, string>>;
}

export interface SubmissionParts {
  /** Resolves with the index under which the tasks were committed. */
  readonly propose: (tasks: readonly TaskDefinition[]) => Promise<number>;
  readonly decisions: UniqueDecisions;
  /** What it has applied is committed. */
  readonly committedLog: { appliedIndex(): number };
  readonly table: AssignmentTable;
  readonly definitions: DefinitionCache;
  readonly reader: SubmissionReader;
  readonly defaults: SubmissionDefaults;
  readonly now: () => number;
  /** Whether a task of this type is taken. */
  readonly takesType: (type: string) => boolean;
  /** Of a type that is not taken. */
  readonly whyNoType: (type: string) => string;
  /** True for a task that waits, or runs, in this very moment. */
  readonly isAtHand: (id: string) => boolean;
  /**
   * Log index that Redis reflects where it is written.
   * @throws RedisUnavailable unless it shows what earlier leaders acknowledged
   */
  readonly redisIndex: () => number;
  /** One place that turns an error into what the client is told. */
  readonly refusal: (error: unknown) => SubmitTaskResult;
}

/** A task that is the one asked for, because it was submitted before. */
interface Known {
  readonly id: string;
  readonly definition: TaskDefinition | undefined;
  /** Redis told of it. */
  readonly isStored?: boolean;
  /** Resolves once it is committed; undefined where it was long since. */
  readonly committed: Promise<Proposed | undefined>;
}

interface Proposed {
  readonly index: number;
  /** Of those with a unique key: the task that it is, or why that is not known. */
  readonly decided: ReadonlyMap<string, string | QueueError>;
}

/** What Redis knows of the items. */
interface LookedUp {
  readonly stored: ReadonlySet<string>;
  /** Undefined where Redis is needed to know, and does not answer. */
  readonly keys: ReadonlyMap<string, string> | undefined;
  readonly holders: ReadonlyMap<string, string> | undefined;
  /** Of the tasks that items wait for, those that are there. */
  readonly awaited: ReadonlySet<string> | undefined;
}

interface Item {
  readonly position: number;
  readonly definition: TaskDefinition;
  known: Known | undefined;
}

const COMMITTED = Promise.resolve(undefined);

export class Submissions {
  readonly #parts: SubmissionParts;
  /**
   * What is being proposed, by id and by idempotency key: a second one waits for the first. Bounded by
   * what the leader lets wait for the log.
   */
  readonly #underWayById = new Map<string, Known>();
  readonly #underWayByKey = new Map<string, Known>();

  constructor(parts: SubmissionParts) {
    this.#parts = parts;
  }

  /** Results in the order of the items; a refused item is refused alone. */
  async submit(request: SubmitTasksRequest): Promise<SubmitTaskResult[]> {
    const results: SubmitTaskResult[] = request.items.map(() => ({ outcome: undefined }));
    const items: Item[] = [];
    request.items.forEach((asked, position) => {
      try {
        items.push({ position, definition: this.define(asked), known: undefined });
      } catch (error) {
        results[position] = this.#parts.refusal(error);
      }
    });
    const found = await this.#lookUp(items, request.resend);
    // From here to the proposal nothing waits, so that no other submission comes in between.
    const taken = this.#refuseUnseen(items, found, results);
    const fresh = this.#reserveFresh(taken);
    const proposed = await fresh.proposed;
    await Promise.all(
      taken.map(async (item) => {
        results[item.position] = await this.#answer(item, proposed).catch(this.#parts.refusal);
      }),
    );
    return results;
  }

  /** @throws QueueError "invalid_field", "unknown_type" */
  define(asked: SubmitTaskRequest): TaskDefinition {
    const nowMs = this.#parts.now();
    const id = asked.id === "" ? ulid(nowMs) : asked.id;
    const definition = defineTask(asked, id, nowMs, this.#parts.defaults);
    if (!this.#parts.takesType(definition.type)) {
      const message = this.#parts.whyNoType(definition.type);
      throw new QueueError("unknown_type", message, { field: "type" });
    }
    return definition;
  }

  /** What Redis knows of the items: asked only where the log's recent part may not suffice. */
  async #lookUp(items: readonly Item[], resend: boolean): Promise<LookedUp> {
    const unknown = items.filter(({ definition }) => this.#recent(definition) === undefined);
    const texts = (of: (definition: TaskDefinition) => readonly string[]): readonly string[] => [
      ...new Set(unknown.flatMap(({ definition }) => of(definition)).filter((text) => text !== "")),
    ];
    const { reader, now } = this.#parts;
    const elsewhere = texts(({ after }) => after).filter((id) => !this.#isKnown(id));
    const [stored, keys, holders, awaited] = await Promise.all([
      resend && unknown.length > 0 ? this.#storedIds(unknown) : new Set<string>(),
      this.#asked(
        texts(({ idempotencyKey }) => [idempotencyKey]),
        new Map<string, string>(),
        (keys) => reader.idempotent(keys, now()),
      ),
      this.#asked(
        texts(({ uniqueKey }) => [uniqueKey]),
        new Map<string, string>(),
        (keys) => reader.holders(keys),
      ),
      this.#asked(elsewhere, new Set<string>(), (ids) => reader.existing(ids)),
    ]);
    return { stored, keys, holders, awaited };
  }

  /** @throws RedisUnavailable also where what is read is behind what was written */
  async #read<T>(read: () => Promise<T>): Promise<T> {
    const { reader, redisIndex } = this.#parts;
    return reader.reflecting(redisIndex(), read);
  }

  /**
   * The same ids may have been acknowledged by an earlier leader. Without Redis the log's recent
   * part must do: it holds far more than a client's retries span.
   */
  async #storedIds(items: readonly Item[]): Promise<ReadonlySet<string>> {
    try {
      const { reader } = this.#parts;
      return await this.#read(() => reader.existing(items.map(({ definition }) => definition.id)));
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return new Set();
    }
  }

  /** Undefined where Redis is needed to know, and does not answer. */
  async #asked<T>(
    names: readonly string[],
    nothing: T,
    ask: (names: readonly string[]) => Promise<T>,
  ): Promise<T | undefined> {
    if (names.length === 0) return nothing;
    try {
      return await this.#read(() => ask(names));
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return undefined;
    }
  }

  /**
   * Finds out which items are known, and refuses those of which that cannot be seen: a key that may
   * have been used before might become two tasks.
   *
   * @returns the others
   */
  #refuseUnseen(items: readonly Item[], found: LookedUp, results: SubmitTaskResult[]): Item[] {
    const before = new Set<string>();
    return items.filter((item) => {
      const { definition } = item;
      item.known = this.#known(definition, found);
      const refusal =
        item.known === undefined ? this.#refusalOf(definition, found, before) : undefined;
      if (refusal === undefined) before.add(definition.id);
      else results[item.position] = this.#parts.refusal(refusal);
      return refusal === undefined;
    });
  }

  /** @param before items of the same request that come first */
  #refusalOf(
    { idempotencyKey, uniqueKey, after }: TaskDefinition,
    { keys, holders, awaited }: LookedUp,
    before: ReadonlySet<string>,
  ): QueueError | undefined {
    if (keys === undefined && idempotencyKey !== "") return redisNeeded("look up the key");
    if (holders === undefined && uniqueKey !== "") return redisNeeded("look up the uniqueKey");
    const unknown = after.find((id) => !before.has(id) && !this.#isKnown(id) && !awaited?.has(id));
    if (unknown === undefined) return undefined;
    if (awaited === undefined) return redisNeeded("look up the tasks in after");
    return new QueueError(
      "invalid_field",
      `after names ${unknown}, and there is no such task (any more): leave it out`,
      { field: "after" },
    );
  }

  /** Whether there is a task with this id, as far as is known without Redis. */
  #isKnown(id: string): boolean {
    return (
      this.#underWayById.has(id) ||
      this.#parts.isAtHand(id) ||
      this.#parts.definitions.get(id)?.uniqueKey === ""
    );
  }

  #recent({ id, idempotencyKey }: TaskDefinition): Known | undefined {
    const underWay = this.#underWayById.get(id) ?? this.#underWayByKey.get(idempotencyKey);
    if (underWay !== undefined) return underWay;
    const { definitions, isAtHand, now } = this.#parts;
    const definition = definitions.get(id) ?? definitions.ofKey(idempotencyKey, now());
    // The log does not tell whether one with a unique key became a task: Redis does.
    if (definition?.uniqueKey === "") {
      return { id: definition.id, definition, committed: COMMITTED };
    }
    // Its definition may be forgotten long since: a second one must not be made all the same.
    return isAtHand(id) ? { id, definition: undefined, committed: COMMITTED } : undefined;
  }

  #known(definition: TaskDefinition, { stored, keys, holders }: LookedUp): Known | undefined {
    const recent = this.#recent(definition);
    if (recent !== undefined) return recent;
    const { id, idempotencyKey, uniqueKey } = definition;
    const known = stored.has(id) ? id : keys?.get(idempotencyKey);
    if (known !== undefined) {
      return { id: known, definition: undefined, committed: COMMITTED, isStored: true };
    }
    const holder = holders?.get(uniqueKey);
    if (holder === undefined) return undefined;
    return { id: holder, definition: undefined, committed: COMMITTED };
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
      item.known ??= this.#recent(definition);
      if (item.known !== undefined) continue;
      fresh.push(definition);
      const known = { id: definition.id, definition, committed };
      this.#underWayById.set(definition.id, known);
      if (definition.idempotencyKey !== "") {
        this.#underWayByKey.set(definition.idempotencyKey, known);
      }
    }
    const proposed = this.#propose(fresh).finally(() => {
      for (const { id, idempotencyKey } of fresh) {
        this.#underWayById.delete(id);
        this.#underWayByKey.delete(idempotencyKey);
      }
    });
    settle(proposed);
    return { proposed };
  }

  async #propose(tasks: readonly TaskDefinition[]): Promise<Proposed> {
    const decisions = tasks
      .filter(({ uniqueKey }) => uniqueKey !== "")
      .map((task) => ({ task, decision: this.#parts.decisions.expect(task.id) }));
    try {
      const parts = splitForEntries(tasks).map((part) => this.#parts.propose(part));
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

  async #answer(item: Item, { index, decided }: Proposed): Promise<SubmitTaskResult> {
    const { definition } = item;
    if (item.known !== undefined) {
      const { id, definition: known, isStored, committed } = item.known;
      const itsOwn = await committed;
      const standsFor = taskDecided(id, itsOwn?.decided);
      const isItself = standsFor === id;
      // What was committed long since was so by what is applied by now.
      const safeAt = itsOwn?.index ?? this.#parts.committedLog.appliedIndex();
      return this.#answerKnown(definition, safeAt, {
        id: standsFor,
        definition: isItself ? known : undefined,
        isStored: isStored === true,
      });
    }
    const id = taskDecided(definition.id, decided);
    if (id !== definition.id) {
      return this.#answerKnown(definition, index, { id, definition: undefined, isStored: false });
    }
    const task = taskFromLog(definition, this.#parts.table.get(id), this.#parts.now());
    return { outcome: { $case: "submitted", value: { task, created: true, index } } };
  }

  /**
   * The answer where another submission made the task, or an earlier one of the same id.
   *
   * @param index entry by which the task is committed
   */
  async #answerKnown(
    definition: TaskDefinition,
    index: number,
    known: Pick<Known, "id" | "definition" | "isStored">,
  ): Promise<SubmitTaskResult> {
    const { table, definitions, reader, now } = this.#parts;
    const stored = await this.#read(() => reader.getTask(known.id)).catch(redisAway);
    // Its record in Redis is older than its key there, and is removed long after its end.
    if (stored === undefined && (known.isStored || definitions.hasEnded(known.id))) {
      throw new QueueError(
        "gone",
        `this was submitted before, as task ${known.id}, which has ended and was removed since; ` +
          "submit with another key to have it done once more",
        { field: definition.id === known.id ? "id" : "idempotencyKey" },
      );
    }
    const fromLog = known.definition && taskFromLog(known.definition, table.get(known.id), now());
    const task = stored === "away" || stored === undefined ? fromLog : stored;
    if (task === undefined || (stored === "away" && definitions.hasEnded(known.id))) {
      throw new QueueError("redis_unavailable", "the task is known, but Redis does not show it", {
        retryAfterMs: 1_000,
      });
    }
    return { outcome: { $case: "submitted", value: { task, created: false, index } } };
  }
}

function redisNeeded(what: string): QueueError {
  return new QueueError("redis_unavailable", `Redis is needed to ${what}`, {
    retryAfterMs: 1_000,
  });
}

/** The task that a submission with this id is. @throws QueueError where that is not known */
function taskDecided(id: string, decided: Proposed["decided"] | undefined): string {
  const task = decided?.get(id) ?? id;
  if (typeof task !== "string") throw task;
  return task;
}

function asQueueError(error: unknown): QueueError {
  if (error instanceof RedisUnavailable) return undecided();
  if (error instanceof QueueError) return error;
  throw error;
}

function redisAway(error: unknown): "away" {
  if (!(error instanceof RedisUnavailable)) throw error;
  return "away";
}
