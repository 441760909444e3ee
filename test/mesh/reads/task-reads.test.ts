// Reads of a node while Redis is away, behind, or fails over: its connections change over to the new
// primary one by one.
import { describe, expect, test } from "vitest";
import { type Task, TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { GetTaskRequest } from "../../../src/gen/mesh/v1/task_service.js";
import { NodeTaskReads } from "../../../src/mesh/reads/task-reads.js";
import { logIndex } from "../../../src/raft/index.js";
import { AssignmentTable } from "../../../src/queue/state/assignment-table.js";
import { DefinitionCache } from "../../../src/queue/state/definition-cache.js";
import {
  type AppliedLog,
  assign,
  completed,
  definition,
  finish,
  submit,
} from "../../queue/redis/applied-log.js";
import { withFreshRedis } from "../../queue/redis/fresh-redis.js";

let log: AppliedLog;
withFreshRedis((_redis, fresh) => (log = fresh));

const NOTHING_ASKED = GetTaskRequest.decode(new Uint8Array());

const unused = (): never => {
  throw new Error("it is not needed");
};

/** What a node is told by Redis beside what it reads, and by its own log. */
interface Node {
  readonly committed: number;
  readonly connected?: boolean;
  readonly definitions?: DefinitionCache;
  /** What it has heard of the applied index. */
  readonly applied?: number;
}

function read(
  asked: Partial<GetTaskRequest>,
  {
    committed,
    connected = true,
    definitions = new DefinitionCache(1_000),
    applied = committed,
  }: Node,
): Promise<Task> {
  const reads = new NodeTaskReads({
    raft: { readIndex: () => Promise.resolve(logIndex(committed)) },
    machine: { appliedIndex: committed, definitions, table: new AssignmentTable() },
    reader: connected ? log.reader : { reflecting: unused, getTask: unused, list: unused },
    logs: { read: unused },
    appliedWatch: { applied, waitFor: (index) => Promise.resolve(index <= applied) },
    redisConnected: () => connected,
    feed: { watch: unused },
    events: { watch: unused },
    maxWaitMs: 1_000,
    now: Date.now,
  });
  return reads.get({ ...NOTHING_ASKED, id: "a", ...asked }, new AbortController().signal);
}

test.each([{ minIndex: 3 }, { linearizable: true }])(
  "one that must show an entry waits for the very server that it reads: %o",
  async (asked) => {
    await log.append(submit("a"));

    const told = read(asked, { committed: 3 });
    await log.append(assign(["a"]));
    await log.append(finish(completed("a", 2)));

    expect((await told).status).toBe(TaskStatus.COMPLETED);
  },
);

test("a task that the server does not show yet is not said to be none", async () => {
  const told = read({}, { committed: 1 });
  await log.append(submit("a"));

  expect((await told).status).toBe(TaskStatus.PENDING);
});

describe("where Redis is away, or behind", () => {
  const definitions = new DefinitionCache(1_000);
  definitions.add(definition("a"));

  test.each([{}, { minIndex: 2 }, { linearizable: true }])(
    "a task that has not ended is told from the log: %o",
    async (asked) => {
      const told = await read(asked, { committed: 2, connected: false, definitions, applied: 0 });

      expect(told).toMatchObject({ id: "a", status: TaskStatus.PENDING });
    },
  );

  test("the same where Redis is only behind", async () => {
    const told = await read({ minIndex: 2 }, { committed: 2, definitions, applied: 1 });

    expect(told).toMatchObject({ id: "a", status: TaskStatus.PENDING });
  });

  test("an index that is not reached in time is said to be it, and how far Redis is", async () => {
    const told = read({ minIndex: 99 }, { committed: 2, definitions });

    await expect(told).rejects.toMatchObject({
      code: "redis_unavailable",
      message: "Redis reflects entry 2 of the log, and not 99 yet",
    });
  });
});
