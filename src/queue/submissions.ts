// Takes submissions: refuses what is wrong, recognises what was sent before, and answers once the
// rest is on disk on a majority.
import { ulid } from "ulid";
import { type Task, type TaskDefinition } from "../gen/mesh/v1/task.js";
import type {
  SubmitTaskRequest,
  SubmitTaskResult,
  SubmitTasksRequest,
} from "../gen/mesh/v1/task_service.js";
import type { AssignmentTable } from "./assignment-table.js";
import type { DefinitionCache } from "./definition-cache.js";
import { QueueError } from "./errors.js";
import { splitForEntries } from "./outgoing-commands.js";
import { RedisUnavailable } from "./redis/errors.js";
import { defineTask, type SubmissionDefaults } from "./submission.js";
import { taskFromLog } from "./task-snapshot.js";

export interface SubmissionReader {
  getTask(id: string): Promise<Task | undefined>;
  existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
  idempotent(keys: readonly string[], atMs: number): Promise<ReadonlyMap<string, string>>;
}

export interface SubmissionParts {
  /** Resolves with the index under which the tasks were committed. */
  readonly propose: (tasks: readonly TaskDefinition[]) => Promise<number>;
  readonly table: AssignmentTable;
  readonly definitions: DefinitionCache;
  readonly reader: SubmissionReader;
  readonly defaults: SubmissionDefaults;
  readonly now: () => number;
  /** Whether a task of this type is taken. */
  readonly takesType: (type: string) => boolean;
  /** True for a task that waits, or runs, in this very moment. */
  readonly isAtHand: (id: string) => boolean;
  /** Throws RedisUnavailable unless Redis shows what earlier leaders acknowledged. */
  readonly assertRedisReadable: () => void;
  /** One place that turns an error into what the client is told. */
  readonly refusal: (error: unknown) => SubmitTaskResult;
}

/** A task that is the one asked for, because it was submitted before. */
interface Known {
  readonly id: string;
  readonly definition: TaskDefinition | undefined;
  /** Redis told of it. */
  readonly isStored?: boolean;
  /** Resolves once it is committed. */
  readonly committed: Promise<unknown>;
}

interface Item {
  readonly position: number;
  readonly definition: TaskDefinition;
  known: Known | undefined;
}

const COMMITTED = Promise.resolve();

export class Submissions {
  /** What is being proposed, by id and by idempotency key: a second one waits for the first. */
  readonly #underWayById = new Map<string, Known>();
  readonly #underWayByKey = new Map<string, Known>();

  constructor(private readonly parts: SubmissionParts) {}

  /** Results in the order of the items; a refused item is refused alone. */
  async submit(request: SubmitTasksRequest): Promise<SubmitTaskResult[]> {
    const results: SubmitTaskResult[] = request.items.map(() => ({ outcome: undefined }));
    const items: Item[] = [];
    request.items.forEach((asked, position) => {
      try {
        items.push({ position, definition: this.define(asked), known: undefined });
      } catch (error) {
        results[position] = this.parts.refusal(error);
      }
    });
    const { stored, keys } = await this.#lookUp(items, request.resend);
    if (keys === undefined) this.#refuseKeyed(items, results);
    // From here to the proposal nothing waits, so that no other submission comes in between.
    for (const item of items) item.known = this.#known(item.definition, stored, keys);
    const fresh = this.#reserveFresh(items);
    const index = await fresh.proposed;
    await Promise.all(
      items.map(async (item) => {
        results[item.position] = await this.#answer(item, index).catch(this.parts.refusal);
      }),
    );
    return results;
  }

  /** @throws QueueError "invalid_field", "unknown_type" */
  define(asked: SubmitTaskRequest): TaskDefinition {
    const nowMs = this.parts.now();
    const id = asked.id === "" ? ulid(nowMs) : asked.id;
    const definition = defineTask(asked, id, nowMs, this.parts.defaults);
    if (!this.parts.takesType(definition.type)) {
      throw new QueueError("unknown_type", `no live node handles type "${definition.type}"`, {
        field: "type",
      });
    }
    return definition;
  }

  /** What Redis knows of the items: asked only where the log's recent part may not suffice. */
  async #lookUp(
    items: readonly Item[],
    resend: boolean,
  ): Promise<{ stored: ReadonlySet<string>; keys: ReadonlyMap<string, string> | undefined }> {
    const unknown = items.filter(({ definition }) => this.#recent(definition) === undefined);
    return {
      stored: resend && unknown.length > 0 ? await this.#storedIds(unknown) : new Set(),
      keys: await this.#storedKeys(unknown),
    };
  }

  /**
   * The same ids may have been acknowledged by an earlier leader. Without Redis the log's recent
   * part must do: it holds far more than a client's retries span.
   */
  async #storedIds(items: readonly Item[]): Promise<ReadonlySet<string>> {
    try {
      this.parts.assertRedisReadable();
      return await this.parts.reader.existing(items.map(({ definition }) => definition.id));
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return new Set();
    }
  }

  /** Undefined where Redis is needed to know, and does not answer. */
  async #storedKeys(items: readonly Item[]): Promise<ReadonlyMap<string, string> | undefined> {
    const keys = items
      .map(({ definition }) => definition.idempotencyKey)
      .filter((key) => key !== "");
    if (keys.length === 0) return new Map();
    try {
      this.parts.assertRedisReadable();
      return await this.parts.reader.idempotent(keys, this.parts.now());
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return undefined;
    }
  }

  /** A key that may have been used before cannot be taken unseen: it might become two tasks. */
  #refuseKeyed(items: Item[], results: SubmitTaskResult[]): void {
    const error = new QueueError("redis_unavailable", "Redis is needed to look up the key", {
      retryAfterMs: 1_000,
    });
    for (let at = items.length - 1; at >= 0; at -= 1) {
      const item = items[at];
      if (item === undefined || item.definition.idempotencyKey === "") continue;
      if (this.#recent(item.definition) !== undefined) continue;
      results[item.position] = this.parts.refusal(error);
      items.splice(at, 1);
    }
  }

  #recent({ id, idempotencyKey }: TaskDefinition): Known | undefined {
    const underWay = this.#underWayById.get(id) ?? this.#underWayByKey.get(idempotencyKey);
    if (underWay !== undefined) return underWay;
    const { definitions, isAtHand, now } = this.parts;
    const definition = definitions.get(id) ?? definitions.ofKey(idempotencyKey, now());
    if (definition !== undefined) {
      return { id: definition.id, definition, committed: COMMITTED };
    }
    // Its definition may be forgotten long since: a second one must not be made all the same.
    return isAtHand(id) ? { id, definition: undefined, committed: COMMITTED } : undefined;
  }

  #known(
    definition: TaskDefinition,
    stored: ReadonlySet<string>,
    keys: ReadonlyMap<string, string> | undefined,
  ): Known | undefined {
    const recent = this.#recent(definition);
    if (recent !== undefined) return recent;
    const id = stored.has(definition.id) ? definition.id : keys?.get(definition.idempotencyKey);
    if (id === undefined) return undefined;
    return { id, definition: undefined, committed: COMMITTED, isStored: true };
  }

  /** Proposes the items that are new; the same id or key twice in one request counts once. */
  #reserveFresh(items: readonly Item[]): { readonly proposed: Promise<number> } {
    const fresh: TaskDefinition[] = [];
    let settle: (outcome: Promise<number>) => void = () => undefined;
    const committed = new Promise<number>((resolve) => (settle = resolve));
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

  async #propose(tasks: readonly TaskDefinition[]): Promise<number> {
    const parts = splitForEntries(tasks).map((part) => this.parts.propose(part));
    return Math.max(0, ...(await Promise.all(parts)));
  }

  async #answer(item: Item, index: number): Promise<SubmitTaskResult> {
    const { table, definitions, reader, now } = this.parts;
    const { known, definition } = item;
    if (known === undefined) {
      const task = taskFromLog(definition, table.get(definition.id), now());
      return { outcome: { $case: "submitted", value: { task, created: true, index } } };
    }
    await known.committed;
    const stored = await reader.getTask(known.id).catch(redisAway);
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

function redisAway(error: unknown): "away" {
  if (!(error instanceof RedisUnavailable)) throw error;
  return "away";
}
