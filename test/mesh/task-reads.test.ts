// Reads of a node in a failover: its connections change over to the new primary one by one.
import { expect, test } from "vitest";
import { type Task, TaskStatus } from "../../src/gen/mesh/v1/task.js";
import { GetTaskRequest } from "../../src/gen/mesh/v1/task_service.js";
import { NodeTaskReads } from "../../src/mesh/task-reads.js";
import { logIndex } from "../../src/raft/index.js";
import { AssignmentTable } from "../../src/queue/assignment-table.js";
import { DefinitionCache } from "../../src/queue/definition-cache.js";
import { type AppliedLog, assign, completed, finish, submit } from "../queue/redis/applied-log.js";
import { withFreshRedis } from "../queue/redis/fresh-redis.js";

let log: AppliedLog;
withFreshRedis((_redis, fresh) => (log = fresh));

const NOTHING_ASKED = GetTaskRequest.decode(new Uint8Array());

/** Of a node that has heard of a server which reflects everything, and reads the one of the log. */
function read(asked: Partial<GetTaskRequest>, committed: number): Promise<Task> {
  const unused = (): never => {
    throw new Error("it is not needed");
  };
  const reads = new NodeTaskReads({
    raft: { readIndex: () => Promise.resolve(logIndex(committed)) },
    machine: {
      appliedIndex: committed,
      definitions: new DefinitionCache(1_000),
      table: new AssignmentTable(),
    },
    reader: log.reader,
    logs: { read: unused },
    appliedWatch: { waitFor: () => Promise.resolve(true) },
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

    const told = read(asked, 3);
    await log.append(assign(["a"]));
    await log.append(finish(completed("a", 2)));

    expect((await told).status).toBe(TaskStatus.COMPLETED);
  },
);

test("a task that the server does not show yet is not said to be none", async () => {
  const told = read({}, 1);
  await log.append(submit("a"));

  expect((await told).status).toBe(TaskStatus.PENDING);
});
