// A submission that is sent twice stays one task: at once, in one request, again later.
import { ulid } from "ulid";
import { describe, expect, test } from "vitest";
import type { Task, TaskDefinition } from "../../../src/gen/mesh/v1/task.js";
import type { SubmitTaskRequest, SubmitTaskResult } from "../../../src/gen/mesh/v1/task_service.js";
import { AssignmentTable } from "../../../src/queue/state/assignment-table.js";
import { UniqueDecisions } from "../../../src/queue/leader/unique-decisions.js";
import { DefinitionCache } from "../../../src/queue/state/definition-cache.js";
import { QueueError } from "../../../src/queue/errors.js";
import { RedisUnavailable } from "../../../src/queue/redis/errors.js";
import { Submissions } from "../../../src/queue/leader/submissions.js";
import { taskFromLog } from "../../../src/queue/task/task-from-log.js";
import {
  BACKOFF,
  NOW_MS,
  stateOf,
  submission,
  taskDefinition,
  turns,
} from "../../support/queue-fixtures.js";

function leader() {
  const proposed: string[] = [];
  const redis = {
    ids: new Set<string>(),
    keys: new Map<string, string>(),
    down: false,
    task: undefined as Task | undefined,
    /** What happens while it is waited for. */
    onReached: (): boolean => true,
  };
  const atHand = new Set<string>();
  const definitions = new DefinitionCache(1_000_000);
  const open: (() => void)[] = [];
  const applied = { index: 0 };
  const failures: (() => void)[] = [];
  const submissions = new Submissions({
    proposer: {
      submit: (tasks: readonly TaskDefinition[]) => {
        proposed.push(...tasks.map(({ id }) => id));
        return new Promise((resolve, reject) => {
          open.push(() => {
            for (const task of tasks) definitions.add(task);
            applied.index = 7;
            resolve(7);
          });
          failures.push(() => reject(new QueueError("outcome_unknown", "lost")));
        });
      },
    },
    admission: { admitSubmission: () => undefined },
    table: new AssignmentTable(),
    committedLog: { appliedIndex: () => applied.index },
    definitions,
    decisions: new UniqueDecisions(),
    reader: {
      holders: () => Promise.resolve(new Map()),
      reflecting: (_index, read) => read(),
      getTask: () => Promise.resolve(redis.task),
      existing: async (ids) => {
        await turns(1);
        return new Set(ids.filter((id) => redis.ids.has(id)));
      },
      idempotent: async (keys) => {
        await turns(1);
        return new Map([...redis.keys].filter(([key]) => keys.includes(key)));
      },
    },
    defaults: { maxAttempts: 3, backoff: BACKOFF, maxDataBytes: 1_000 },
    now: () => NOW_MS,
    types: {
      settled: () => Promise.resolve(),
      takes: (type) => type === "process",
      whyNot: (type) => `no live node handles type "${type}"`,
    },
    foresight: { isAtHand: (id) => atHand.has(id) },
    progress: {
      reached: () => Promise.resolve(redis.onReached()),
      readableIndex: () => {
        if (redis.down) throw new RedisUnavailable(new Error("down"));
        return 0;
      },
    },
    refusal: (error) => ({
      outcome: { $case: "refused", value: { code: (error as QueueError).code } as never },
    }),
  });
  const submit = (items: SubmitTaskRequest[], resend = false): Promise<string[]> =>
    submissions.submit({ items, resend }).then((results) => results.map(told));
  /** The indexes of the receipts; undefined for what was refused. */
  const receipts = (items: SubmitTaskRequest[]): Promise<(number | undefined)[]> =>
    submissions
      .submit({ items, resend: false })
      .then((results) => results.map(({ outcome }) => receiptOf(outcome)));
  const commit = async (): Promise<void> => {
    await turns();
    for (const one of open.splice(0)) one();
    await turns();
  };
  return { submit, receipts, applied, commit, proposed, redis, atHand, failures, definitions };
}

function told({ outcome }: SubmitTaskResult): string {
  if (outcome === undefined) return "nothing";
  if (outcome.$case === "refused") return `refused ${outcome.value.code}`;
  return `${outcome.value.created ? "created" : "known"} ${outcome.value.task?.id ?? ""}`;
}

function receiptOf(outcome: SubmitTaskResult["outcome"]): number | undefined {
  return outcome?.$case === "submitted" ? outcome.value.index : undefined;
}

const [A, B] = [ulid(1), ulid(2)];

describe("a submission that is sent twice", () => {
  test("concurrently is proposed once, and both callers learn of the same task", async () => {
    const { submit, commit, proposed } = leader();
    const calls = [submit([submission({ id: A })]), submit([submission({ id: A })])];
    await commit();

    expect(await Promise.all(calls)).toEqual([[`created ${A}`], [`known ${A}`]]);
    expect(proposed).toEqual([A]);
  });

  test("in one request is proposed once, by id and by key", async () => {
    const { submit, commit, proposed } = leader();
    const call = submit([
      submission({ id: A, idempotencyKey: "k" }),
      submission({ id: A }),
      submission({ id: B, idempotencyKey: "k" }),
    ]);
    await commit();

    expect(await call).toEqual([`created ${A}`, `known ${A}`, `known ${A}`]);
    expect(proposed).toEqual([A]);
  });

  test("later is known, by id and by key", async () => {
    const { submit, commit, proposed } = leader();
    const first = submit([submission({ id: A, idempotencyKey: "k" })]);
    await commit();
    await first;

    expect(await submit([submission({ id: A })])).toEqual([`known ${A}`]);
    expect(await submit([submission({ id: B, idempotencyKey: "k" })])).toEqual([`known ${A}`]);
    expect(proposed).toEqual([A]);
  });

  test("is answered with an index by which the first one is committed", async () => {
    const { receipts, commit, applied } = leader();
    const calls = [
      receipts([submission({ id: A, idempotencyKey: "k" })]),
      receipts([submission({ id: B, idempotencyKey: "k" })]),
    ];
    await commit();
    expect(await Promise.all(calls)).toEqual([[7], [7]]);

    // given the log has gone on since
    applied.index = 12;
    expect(await receipts([submission({ id: B, idempotencyKey: "k" })])).toEqual([12]);
    expect(await receipts([submission({ id: A })])).toEqual([12]);
  });

  test("to a leader that remembers nothing is found in Redis, by key and when sent again", async () => {
    const { submit, proposed, redis } = leader();
    redis.ids.add(A);
    redis.keys.set("k", A);

    expect(await submit([submission({ id: A })], true)).toEqual(["refused gone"]);
    expect(await submit([submission({ id: B, idempotencyKey: "k" })])).toEqual(["refused gone"]);
    expect(proposed).toEqual([]);
  });

  test("while it runs is never proposed, even with Redis down and its definition forgotten", async () => {
    const { submit, proposed, redis, atHand } = leader();
    redis.down = true;
    atHand.add(A);

    await submit([submission({ id: A })], true);

    expect(proposed).toEqual([]);
  });

  test("fails for every caller where the outcome of the first is unknown", async () => {
    const { submit, failures } = leader();
    const first = submit([submission({ id: A })]);
    const second = submit([submission({ id: A })]);
    await turns();

    for (const fail of failures) fail();

    await expect(first).rejects.toMatchObject({ code: "outcome_unknown" });
    expect(await second).toEqual(["refused outcome_unknown"]);
  });
});

describe("a request of several items", () => {
  test("keeps the good ones and refuses the bad alone, in order", async () => {
    const { submit, commit } = leader();
    const call = submit([
      submission({ id: A, priority: 99 }),
      submission({ id: B }),
      submission({ type: "nobody" }),
    ]);
    await commit();

    expect(await call).toEqual(["refused invalid_field", `created ${B}`, "refused unknown_type"]);
  });

  test("with a key is refused while Redis cannot tell whether the key is used, the rest is kept", async () => {
    const { submit, commit, redis, proposed } = leader();
    redis.down = true;
    const call = submit([submission({ id: A, idempotencyKey: "k" }), submission({ id: B })]);
    await commit();

    expect(await call).toEqual(["refused redis_unavailable", `created ${B}`]);
    expect(proposed).toEqual([B]);
  });

  test("is answered only once every part of it is committed", async () => {
    const { submit, commit } = leader();
    const call = submit(Array.from({ length: 2_500 }, () => submission()));
    await turns();
    expect(await stateOf(call)).toBe("open");

    await commit();

    expect(await call).toHaveLength(2_500);
  });
});

describe("a key whose task has ended in the log", () => {
  async function ended() {
    const bench = leader();
    const first = bench.submit([submission({ id: A, idempotencyKey: "k" })]);
    await bench.commit();
    await first;
    bench.definitions.markEnded(A);
    return { ...bench, again: () => bench.submit([submission({ id: B, idempotencyKey: "k" })]) };
  }

  test("is not taken for removed before Redis has applied that it was submitted", async () => {
    const { redis, again } = await ended();
    redis.onReached = () => {
      redis.task = { ...taskFromLog(taskDefinition(A), undefined, NOW_MS) };
      return true;
    };

    expect(await again()).toEqual([`known ${A}`]);
  });

  test("is gone where Redis has applied all of that and does not have it", async () => {
    const { again } = await ended();

    expect(await again()).toEqual(["refused gone"]);
  });

  test("cannot be told while Redis does not get there", async () => {
    const { redis, again } = await ended();
    redis.onReached = () => false;

    expect(await again()).toEqual(["refused redis_unavailable"]);
  });
});
