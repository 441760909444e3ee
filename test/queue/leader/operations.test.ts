// A call that changes something takes effect once, however often it is sent, however late a copy comes,
// and whoever leads by then.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ulid } from "ulid";
import type { Command } from "../../../src/gen/mesh/v1/command.js";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { QueueError } from "../../../src/queue/errors.js";
import { operation, submission, turns } from "../../support/queue-fixtures.js";
import { SimulatedLeader } from "../../support/simulated-leader.js";

const ID = ulid(1);
const cancel = (): NonNullable<Command["kind"]> => ({ $case: "cancel", value: { taskIds: [ID] } });

const dead = {
  $case: "failure",
  value: { error: { name: "E", message: "m", stack: "" }, retryable: false, timedOut: false },
} as const;

async function commitAll(leader: SimulatedLeader): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    await turns(3);
    leader.commit(10);
  }
  await leader.pass(20);
}

/** A task that waits: there is no node. */
async function waiting(): Promise<SimulatedLeader> {
  const leader = new SimulatedLeader();
  leader.submit(submission({ id: ID }));
  await commitAll(leader);
  return leader;
}

const statusOf = (leader: SimulatedLeader): TaskStatus | undefined =>
  leader.truth.tasks.get(ID)?.status;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => vi.useRealTimers());

describe("a call that is sent twice", () => {
  test("does nothing where its first try was done by a leader before, and others have changed it since", async () => {
    const leader = await waiting();
    const cancelled = leader.newOperation();
    leader.cancel(ID, cancelled);
    await commitAll(leader);
    await leader.changeLeader(0);
    await commitAll(leader);
    const retried = leader.newOperation();
    leader.retry(ID, retried);
    await commitAll(leader);
    expect(statusOf(leader)).toBe(TaskStatus.PENDING);

    // when the old leader's copy of the cancellation is handed on, and then one of the retry
    leader.cancel(ID, cancelled);
    await commitAll(leader);
    expect(statusOf(leader)).toBe(TaskStatus.PENDING);
    leader.cancel(ID);
    await commitAll(leader);
    leader.retry(ID, retried);
    await commitAll(leader);

    // then each has taken effect once, and the task stays cancelled
    expect(statusOf(leader)).toBe(TaskStatus.CANCELLED);
    await leader.close();
  });

  test("takes effect once where both are in one entry, or on their way at the same time", async () => {
    const leader = await waiting();
    const asked = leader.newOperation();

    const first = leader.operate(cancel(), asked);
    const second = leader.operate(cancel(), asked);
    await turns(2);
    const third = leader.operate(cancel(), asked);
    await commitAll(leader);

    const told = await Promise.all([first, second, third]);
    expect(new Set(told.map(({ known }) => known.index)).size).toBe(1);
    expect(told.filter(({ isFirst }) => isFirst).length).toBeGreaterThan(0);
    await leader.close();
  });

  test("does not take a task from its node that was cancelled before and runs again", async () => {
    const leader = await waiting();
    const asked = leader.newOperation();
    leader.cancel(ID, asked);
    await commitAll(leader);
    leader.retry(ID);
    leader.attach("n1");
    await commitAll(leader);
    expect(leader.table.get(ID)?.nodeId).toBe("n1");

    leader.cancel(ID, asked);
    await commitAll(leader);

    expect(leader.table.get(ID)?.nodeId).toBe("n1");
    leader.checkSlots();
    expect(leader.wrong).toEqual([]);
    await leader.close();
  });

  test("keeps a task at hand that a copy of a cancellation names", async () => {
    const leader = await waiting();
    const asked = leader.newOperation();
    leader.cancel(ID, asked);
    await commitAll(leader);
    leader.retry(ID);
    await commitAll(leader);

    leader.cancel(ID, asked);
    await commitAll(leader);
    leader.attach("n1");
    await commitAll(leader);

    expect(statusOf(leader)).toBe(TaskStatus.RUNNING);
    await leader.close();
  });

  test("is a retry once, also where the task has died again meanwhile", async () => {
    const leader = await waiting();
    leader.attach("n1");
    await commitAll(leader);
    leader.report(0, dead);
    await commitAll(leader);
    const asked = leader.newOperation();
    leader.retry(ID, asked);
    await commitAll(leader);
    await leader.changeLeader(0);
    await commitAll(leader);
    leader.report(0, dead);
    await commitAll(leader);
    expect(statusOf(leader)).toBe(TaskStatus.DEAD);

    leader.retry(ID, asked);
    await commitAll(leader);

    expect(statusOf(leader)).toBe(TaskStatus.DEAD);
    await leader.close();
  });
});

describe("calls of several clients in one entry", () => {
  const retry = (): NonNullable<Command["kind"]> => ({
    $case: "retry",
    value: { taskIds: [ID], onlyDead: false },
  });

  test.each([
    ["retry, cancel", [retry, cancel], TaskStatus.CANCELLED],
    ["cancel, retry", [cancel, retry], TaskStatus.RUNNING],
    ["retry, cancel, retry", [retry, cancel, retry], TaskStatus.RUNNING],
    ["cancel, retry, cancel", [cancel, retry, cancel], TaskStatus.CANCELLED],
  ])("take effect in their order: %s", async (_what, kinds, expected) => {
    const leader = await waiting();
    if (kinds[0] === retry) leader.cancel(ID);
    await commitAll(leader);
    leader.attach("n1");

    const told = kinds.map((kind) => leader.operate(kind()));
    await turns(1);
    leader.commit(1);
    await commitAll(leader);

    const indexes = (await Promise.all(told)).map(({ known }) => known.index);
    expect(new Set(indexes).size).toBe(1);
    expect(statusOf(leader)).toBe(expected);
    expect(leader.wrong).toEqual([]);
    leader.checkSlots();
    await leader.close();
  });
});

describe("a call that comes late", () => {
  test("does nothing once it has expired by the clock of the log", async () => {
    const leader = await waiting();
    const asked = operation("late", leader.logNowMs);

    const told = leader.operate(cancel(), asked);
    told.catch(() => undefined);
    await commitAll(leader);

    await expect(told).rejects.toMatchObject({ code: "expired" });
    expect(statusOf(leader)).toBe(TaskStatus.PENDING);
    await leader.close();
  });

  test("is refused where its expiry is further ahead than anything is remembered", async () => {
    const leader = await waiting();
    const told = leader.operate(cancel(), operation("far", leader.logNowMs + 16 * 60_000));

    await expect(told).rejects.toMatchObject({
      code: "invalid_field",
      field: "operation.expiresAtMs",
    });
    await leader.close();
  });
});

test("a key that was used for another body is refused, and the first call stands", async () => {
  const leader = await waiting();
  const asked = { ...leader.newOperation(), fingerprint: "one" };
  void leader.operate(cancel(), asked);
  await commitAll(leader);

  const told = leader.operate(cancel(), { ...asked, fingerprint: "two" });
  told.catch(() => undefined);
  await commitAll(leader);

  await expect(told).rejects.toMatchObject({ code: "key_reused" });
  await leader.close();
});

test("what was refused stays refused: a copy is not done later", async () => {
  const leader = await waiting();
  const asked = leader.newOperation();
  const refused = leader.leader.operations.refuse(asked, new QueueError("last_worker", "alone"));
  refused.catch(() => undefined);
  await commitAll(leader);
  await expect(refused).rejects.toMatchObject({ code: "last_worker" });

  const told = leader.operate(cancel(), asked);
  told.catch(() => undefined);
  await commitAll(leader);

  await expect(told).rejects.toMatchObject({ code: "last_worker" });
  expect(statusOf(leader)).toBe(TaskStatus.PENDING);
  await leader.close();
});
