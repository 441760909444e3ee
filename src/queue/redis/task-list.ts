// Lists tasks newest first, page by page. A page costs the same with ten tasks as with a million.
import type { Redis } from "ioredis";
import { TaskStatus, type Task } from "../../gen/mesh/v1/task.js";
import { laneName, type RedisKeys } from "./keys.js";
import { decodeCursor, encodeCursor } from "./list-cursor.js";
import { definitionOf, type RunState } from "./run-state.js";
import { newestBelow } from "./sequence-index.js";
import type { TaskStore } from "./task-store.js";
import { callRedis } from "./errors.js";

/** Most tasks of a page. */
export const MAX_PAGE_TASKS = 1_000;
/** Tasks that one page looks at when it filters; a page may then be short, with a cursor to go on. */
const MAX_SCANNED = 5_000;
/** Tasks looked at in one step when it filters. */
const SCAN_STEP = 500;
/** Data and results in one page: a page of large tasks is shorter. At least one task is in it. */
const MAX_PAGE_TEXT = 8 * 1024 * 1024;
/** Tasks whose data is read in one step. */
const READ_STEP = 50;
const MAX_PRIORITY = 9;

export interface ListQuery {
  readonly status?: TaskStatus | undefined;
  readonly type?: string | undefined;
  readonly queue?: string | undefined;
  /** From 1 to MAX_PAGE_TASKS. */
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface TaskPage {
  readonly tasks: readonly Task[];
  /** Undefined at the end. With filters, a page may be short or empty and not be the last. */
  readonly nextCursor: string | undefined;
}

interface Selection {
  readonly states: ReadonlyMap<string, RunState>;
  /** Where the next page starts; undefined at the end. */
  readonly below: number | undefined;
}

/**
 * One page of tasks, newest first.
 * @throws InvalidCursor, RedisUnavailable
 */
export async function listTasks(
  redis: Redis,
  keys: RedisKeys,
  store: TaskStore,
  query: ListQuery,
): Promise<TaskPage> {
  const sources = await sourcesOf(redis, keys, query);
  const below = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  if (sources.length === 0) return { tasks: [], nextCursor: undefined };
  const selection = await select(redis, sources, store, query, below);
  return readPage(store, selection);
}

/** States of the tasks of one page, newest first, without what is read apart; see `listTasks`. */
export async function selectStates(
  redis: Redis,
  keys: RedisKeys,
  store: TaskStore,
  query: ListQuery,
): Promise<{ readonly states: ReadonlyMap<string, RunState>; readonly next: string | undefined }> {
  const sources = await sourcesOf(redis, keys, query);
  const start = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  if (sources.length === 0) return { states: new Map(), next: undefined };
  const { states, below } = await select(redis, sources, store, query, start);
  return { states, next: below === undefined ? undefined : encodeCursor(below) };
}

/** The sets that hold what is asked for; those of pending tasks are one for each lane. */
async function sourcesOf(
  redis: Redis,
  keys: RedisKeys,
  query: ListQuery,
): Promise<readonly string[]> {
  switch (query.status) {
    case undefined:
    case TaskStatus.UNSPECIFIED:
      return [keys.all];
    case TaskStatus.SCHEDULED:
      return [keys.scheduled];
    case TaskStatus.PENDING:
      return lanesOf(redis, keys, query.queue);
    case TaskStatus.RUNNING:
      return [keys.running];
    case TaskStatus.COMPLETED:
      return [keys.completed];
    case TaskStatus.DEAD:
      return [keys.dead];
    case TaskStatus.CANCELLED:
      return [keys.cancelled];
    case TaskStatus.FAILED:
    case TaskStatus.UNRECOGNIZED:
      return [];
  }
}

async function lanesOf(
  redis: Redis,
  keys: RedisKeys,
  queue: string | undefined,
): Promise<string[]> {
  if (queue !== undefined) {
    const priorities = Array.from({ length: MAX_PRIORITY + 1 }, (_, priority) => priority);
    return priorities.map((priority) => keys.lane(laneName(queue, priority)));
  }
  const names = await callRedis(() => redis.zrange(keys.lanes, 0, "-1"));
  return names.map((name) => keys.lane(name));
}

async function select(
  redis: Redis,
  sources: readonly string[],
  store: TaskStore,
  query: ListQuery,
  start: number | undefined,
): Promise<Selection> {
  const limit = Math.max(1, Math.min(query.limit, MAX_PAGE_TASKS));
  const filtered = query.type !== undefined || query.queue !== undefined;
  const chosen = new Map<string, RunState>();
  let below = start;
  let scanned = 0;
  while (chosen.size < limit && scanned < MAX_SCANNED) {
    const want = filtered ? SCAN_STEP : limit - chosen.size + 1;
    const step = await newestBelow(redis, sources, below, want);
    const states = await store.states(step.tasks.map(({ id }) => id));
    for (const [i, { id, sequence }] of step.tasks.entries()) {
      const state = states.get(id);
      below = sequence;
      scanned += 1;
      if (state !== undefined && matches(state, query)) chosen.set(id, state);
      if (chosen.size === limit) {
        const end = step.exhausted && i === step.tasks.length - 1;
        return { states: chosen, below: end ? undefined : below };
      }
    }
    if (step.exhausted) return { states: chosen, below: undefined };
  }
  return { states: chosen, below };
}

/** A task may have moved on between the read of a set and that of its state: the state decides. */
function matches(state: RunState, { status, type, queue }: ListQuery): boolean {
  if (status !== undefined && status !== TaskStatus.UNSPECIFIED && state.status !== status)
    return false;
  if (queue !== undefined && state.queue !== queue) return false;
  return type === undefined || definitionOf(state).type === type;
}

async function readPage(store: TaskStore, { states, below }: Selection): Promise<TaskPage> {
  const tasks: Task[] = [];
  const entries = [...states];
  let text = 0;
  for (let start = 0; start < entries.length; start += READ_STEP) {
    for (const task of await store.tasks(new Map(entries.slice(start, start + READ_STEP)))) {
      text += task.data.length + (task.result?.length ?? 0);
      const last = tasks.at(-1);
      if (last !== undefined && text > MAX_PAGE_TEXT) {
        const sequence = states.get(last.id)?.sequence ?? 0;
        return { tasks, nextCursor: encodeCursor(sequence) };
      }
      tasks.push(task);
    }
  }
  return { tasks, nextCursor: below === undefined ? undefined : encodeCursor(below) };
}
