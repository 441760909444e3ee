// Recognises submissions that were sent before: by what is under way, by the log's recent part, and by
// Redis where these may not suffice.
import type { Task, TaskDefinition } from "../../gen/mesh/v1/task.js";
import { QueueError } from "../errors.js";
import { RedisUnavailable } from "../redis/errors.js";
import type { DefinitionCache } from "../state/definition-cache.js";
import type { Foresight } from "./foresight.js";

export interface SubmissionReader {
  /** What `read` reads; throws RedisUnavailable where what answers does not reflect the log up to `index`. */
  reflecting<T>(index: number, read: () => Promise<T>): Promise<T>;
  /** Tasks that have not ended, by the unique key that they hold. */
  holders(uniqueKeys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  getTask(id: string): Promise<Task | undefined>;
  existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
  idempotent(keys: readonly string[], atMs: number): Promise<ReadonlyMap<string, string>>;
}

/** How far Redis may be trusted. */
export interface ReadableRedis {
  /**
   * Log index that Redis reflects where it is written.
   * @throws RedisUnavailable unless it shows what earlier leaders acknowledged
   */
  readableIndex(): number;
  /** True once Redis reflects the log up to `index`; false where it does not in time. */
  reached(index: number): Promise<boolean>;
}

export interface KnownTasksParts {
  readonly definitions: DefinitionCache;
  readonly reader: SubmissionReader;
  readonly foresight: Pick<Foresight, "isAtHand">;
  readonly progress: ReadableRedis;
  readonly now: () => number;
}

/** Under which entry submissions were committed. */
export interface Proposed {
  readonly index: number;
  /** Of those with a unique key: the task that it is, or why that is not known. */
  readonly decided: ReadonlyMap<string, string | QueueError>;
}

/** A task that is the one asked for, because it was submitted before. */
export interface Known {
  readonly id: string;
  readonly definition: TaskDefinition | undefined;
  /** Redis told of it. */
  readonly isStored?: boolean;
  /** Resolves once it is committed; undefined where it was long since. */
  readonly committed: Promise<Proposed | undefined>;
}

/** What Redis knows of submissions. */
export interface LookedUp {
  readonly stored: ReadonlySet<string>;
  /** Undefined where Redis is needed to know, and does not answer. */
  readonly keys: ReadonlyMap<string, string> | undefined;
  readonly holders: ReadonlyMap<string, string> | undefined;
  /** Of the tasks that submissions wait for, those that are there. */
  readonly awaited: ReadonlySet<string> | undefined;
}

const COMMITTED = Promise.resolve(undefined);

export class KnownTasks {
  readonly #parts: KnownTasksParts;
  /**
   * What is being proposed, by id and by idempotency key: a second one waits for the first. Bounded by
   * what the leader lets wait for the log.
   */
  readonly #underWayById = new Map<string, Known>();
  readonly #underWayByKey = new Map<string, Known>();

  constructor(parts: KnownTasksParts) {
    this.#parts = parts;
  }

  /** A new task is being proposed. */
  begin(definition: TaskDefinition, committed: Promise<Proposed>): void {
    const { id, idempotencyKey } = definition;
    const known = { id, definition, committed };
    this.#underWayById.set(id, known);
    if (idempotencyKey !== "") this.#underWayByKey.set(idempotencyKey, known);
  }

  /** It is committed, or lost. */
  end({ id, idempotencyKey }: TaskDefinition): void {
    this.#underWayById.delete(id);
    this.#underWayByKey.delete(idempotencyKey);
  }

  /** What Redis knows of submissions: asked only where the log's recent part may not suffice. */
  async lookUp(definitions: readonly TaskDefinition[], resend: boolean): Promise<LookedUp> {
    const unknown = definitions.filter((definition) => this.recent(definition) === undefined);
    const texts = (of: (definition: TaskDefinition) => readonly string[]): readonly string[] => [
      ...new Set(unknown.flatMap(of).filter((text) => text !== "")),
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

  /** The task that a submission is, as far as is known without Redis. */
  recent({ id, idempotencyKey }: TaskDefinition): Known | undefined {
    const underWay = this.#underWayById.get(id) ?? this.#underWayByKey.get(idempotencyKey);
    if (underWay !== undefined) return underWay;
    const { definitions, foresight, now } = this.#parts;
    const definition = definitions.get(id) ?? definitions.ofKey(idempotencyKey, now());
    // The log does not tell whether one with a unique key became a task: Redis does.
    if (definition?.uniqueKey === "") {
      return { id: definition.id, definition, committed: COMMITTED };
    }
    // Its definition may be forgotten long since: a second one must not be made all the same.
    if (!foresight.isAtHand(id)) return undefined;
    return { id, definition: undefined, committed: COMMITTED };
  }

  /** The task that a submission is, where it is not new. */
  known(definition: TaskDefinition, { stored, keys, holders }: LookedUp): Known | undefined {
    const recent = this.recent(definition);
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

  /**
   * Why a submission that is not known is refused: a key that may have been used before might become
   * two tasks, and what it waits for must be there.
   *
   * @param before items of the same request that come first
   */
  refusalOf(
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
    const { foresight, definitions } = this.#parts;
    return (
      this.#underWayById.has(id) || foresight.isAtHand(id) || definitions.get(id)?.uniqueKey === ""
    );
  }

  /**
   * The same ids may have been acknowledged by an earlier leader. Without Redis the log's recent
   * part must do: it holds far more than a client's retries span.
   */
  async #storedIds(definitions: readonly TaskDefinition[]): Promise<ReadonlySet<string>> {
    const ids = definitions.map(({ id }) => id);
    return (await this.#read(() => this.#parts.reader.existing(ids))) ?? new Set();
  }

  /** Undefined where Redis is needed to know, and does not answer. */
  async #asked<T>(
    names: readonly string[],
    nothing: T,
    ask: (names: readonly string[]) => Promise<T>,
  ): Promise<T | undefined> {
    return names.length === 0 ? nothing : this.#read(() => ask(names));
  }

  /** Undefined where Redis does not answer, also where it is behind what was written. */
  async #read<T>(read: () => Promise<T>): Promise<T | undefined> {
    const { reader, progress } = this.#parts;
    try {
      return await reader.reflecting(progress.readableIndex(), read);
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return undefined;
    }
  }
}

function redisNeeded(what: string): QueueError {
  return new QueueError("redis_unavailable", `Redis is needed to ${what}`, {
    retryAfterMs: 1_000,
  });
}
