// A log for tests: builds entries with the next index and applies each to Redis as it is appended.
import type { Redis } from "ioredis";
import type { Command, ExpireRule, Finish } from "../../../src/gen/mesh/v1/command.js";
import {
  AttemptOutcome,
  BackoffType,
  OnDependencyFailure,
  type TaskDefinition,
  type TaskError,
} from "../../../src/gen/mesh/v1/task.js";
import { RedisApplier } from "../../../src/queue/redis/applier.js";
import type { ApplyOutcome } from "../../../src/queue/redis/apply-outcome.js";
import type { CommittedEntry } from "../../../src/queue/state/committed-entry.js";
import { RedisKeys } from "../../../src/queue/redis/keys.js";
import { TaskReader } from "../../../src/queue/redis/reader.js";

export type Kind = NonNullable<Command["kind"]>;

/** The clock of test logs where a test names none. */
export const AT_MS = 1_750_000_000_000;

export class AppliedLog {
  readonly keys: RedisKeys;
  readonly applier: RedisApplier;
  readonly reader: TaskReader;
  readonly entries: CommittedEntry[] = [];

  constructor(redis: Redis, mesh: string) {
    this.keys = new RedisKeys(mesh);
    this.applier = new RedisApplier({ redis, keys: this.keys });
    this.reader = new TaskReader({ redis, keys: this.keys });
  }

  /** Index of the last entry. */
  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? 0;
  }

  /** Appends one entry with these commands and applies it; its outcome, empty if it told nothing. */
  async append(kinds: Kind | readonly Kind[], atMs = AT_MS): Promise<ApplyOutcome> {
    const list = Array.isArray(kinds) ? (kinds as readonly Kind[]) : [kinds as Kind];
    const made = entry(this.lastIndex + 1, list, atMs);
    this.entries.push(made);
    const [outcome] = await this.applier.apply([made]);
    return outcome ?? emptyOutcome(made.index);
  }
}

export function entry(index: number, kinds: readonly Kind[], atMs = AT_MS): CommittedEntry {
  return { index, term: 1, batch: { atMs, commands: kinds.map((kind) => ({ kind })) } };
}

export function emptyOutcome(index: number): ApplyOutcome {
  return {
    index,
    duplicates: [],
    stale: [],
    cancelled: [],
    retried: [],
    promoted: [],
    contradictions: [],
    settling: [],
  };
}

export function definition(id: string, overrides: Partial<TaskDefinition> = {}): TaskDefinition {
  return {
    id,
    type: "process",
    data: '"Hello World"',
    queue: "default",
    priority: 5,
    maxAttempts: 3,
    backoff: { type: BackoffType.EXPONENTIAL, delayMs: 1_000, maxMs: 60_000, jitter: 0.25 },
    timeoutMs: 2_000,
    requires: ["gpu"],
    idempotencyKey: "",
    createdAtMs: AT_MS,
    runAtMs: AT_MS,
    traceparent: "",
    deadlineMs: 0,
    uniqueKey: "",
    after: [],
    onDependencyFailure: OnDependencyFailure.UNSPECIFIED,
    schedule: "",
    ...overrides,
  };
}

export const failure: TaskError = { name: "Error", message: "it broke", stack: "at work" };

export function submit(...tasks: readonly (string | TaskDefinition)[]): Kind {
  const made = tasks.map((task) => (typeof task === "string" ? definition(task) : task));
  return { $case: "submit", value: { tasks: made } };
}

export function assign(ids: readonly string[], { nodeId = "node-1", attempt = 1 } = {}): Kind {
  const assignments = ids.map((taskId) => ({
    taskId,
    type: "process",
    queue: "default",
    priority: 5,
    sequence: 0,
    attempt,
    maxAttempts: 3,
    backoff: undefined,
    timeoutMs: 0,
    requires: [],
    losses: 0,
    lapses: 0,
    runAtMs: AT_MS,
    deadlineAtMs: 0,
  }));
  return { $case: "assign", value: { nodeId, assignments } };
}

export function finish(...outcomes: readonly Finish[]): Kind {
  return { $case: "finish", value: { outcomes: [...outcomes] } };
}

export function completed(taskId: string, fence: number, result = '"done"'): Finish {
  return ended(taskId, fence, { $case: "completed", value: result });
}

export function failed(taskId: string, fence: number, runAtMs: number, timedOut = false): Finish {
  return ended(taskId, fence, { $case: "retry", value: { error: failure, timedOut, runAtMs } });
}

export function dead(taskId: string, fence: number): Finish {
  return ended(taskId, fence, { $case: "dead", value: { error: failure, timedOut: false } });
}

function ended(taskId: string, fence: number, outcome: Finish["outcome"]): Finish {
  return { taskId, fence, startedAtMs: AT_MS + 1, finishedAtMs: AT_MS + 9, outcome };
}

export function release(
  taskId: string,
  fence: number,
  { reason = AttemptOutcome.LOST, cause = "gone", runAtMs = 0 } = {},
): Kind {
  const releases = [{ taskId, fence, reason, cause, runAtMs }];
  return { $case: "release", value: { releases } };
}

export function cancel(...taskIds: readonly string[]): Kind {
  return { $case: "cancel", value: { taskIds: [...taskIds] } };
}

export function retry(...taskIds: readonly string[]): Kind {
  return { $case: "retry", value: { taskIds: [...taskIds], onlyDead: false } };
}

/** A call of a client that asks for the command. */
export function operate(id: string, expiresAtMs: number, kind: Kind): Kind {
  const operation = { id, expiresAtMs, fingerprint: "" };
  return { $case: "operate", value: { operation, command: { kind }, note: Buffer.alloc(0) } };
}

export function drop(...taskIds: readonly string[]): Kind {
  return { $case: "drop", value: { taskIds: [...taskIds] } };
}

export function expire(limit: number, ...rules: readonly ExpireRule[]): Kind {
  return { $case: "expire", value: { limit, rules: [...rules] } };
}

export function overdue(...taskIds: readonly string[]): Kind {
  return { $case: "overdue", value: { taskIds: [...taskIds] } };
}

export function settle(limit = 100): Kind {
  return { $case: "settle", value: { limit } };
}

export function promote(limit: number): Kind {
  return { $case: "promote", value: { limit } };
}
