// A leader's leader under random calls, commits, lost workers, elections, queues that are paused and
// limited, a clock that is set back and forth, and a Redis that goes down, loses answers and writes, and is read where it is not written: no task is lost, none runs twice
// at a time or after its end, and no queue does what it may not.
import fc from "fast-check";
import { ulid } from "ulid";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Command } from "../../../src/gen/mesh/v1/command.js";
import { TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import { QueueError } from "../../../src/queue/errors.js";
import { submission, turns } from "../../support/queue-fixtures.js";
import { LEASE_MS, QUEUES, SimulatedLeader } from "../../support/simulated-leader.js";
import { ENDED } from "../../support/task-states.js";

const DAY_MS = 86_400_000;
const IDS = Array.from({ length: 400 }, (_, at) => ulid(at + 1));
const failure = (retryable: boolean) =>
  ({
    $case: "failure",
    value: { error: { name: "E", message: "m", stack: "" }, retryable, timedOut: false },
  }) as const;
const OUTCOMES = [
  undefined,
  undefined,
  failure(true),
  failure(false),
  { $case: "handedBack", value: "no slot" } as const,
  { $case: "handedBack", value: "restarted" } as const,
];

type Step = (leader: SimulatedLeader, next: () => string) => void | Promise<void>;
const at = fc.nat(50);

const submit = fc
  .record({
    count: fc.integer({ min: 1, max: 6 }),
    priority: fc.constantFrom(5, 5, 9),
    queue: fc.constantFrom("a", "a", "a", "b"),
    delayMs: fc.constantFrom(undefined, undefined, undefined, 30),
    deadlineMs: fc.constantFrom(undefined, undefined, undefined, 40, 400),
    uniqueKey: fc.constantFrom("", "", "", "u1", "u2"),
  })
  .map(({ count, ...rest }): Step => (leader, next) => {
    for (let sent = 0; sent < count; sent += 1) leader.submit(submission({ id: next(), ...rest }));
  });
const queue = fc.constantFrom(...QUEUES);
const limits = fc.record({
  concurrency: fc.constantFrom(0, 1, 3),
  rate: fc.constantFrom(
    undefined,
    { count: 1, perMs: 40, burst: 0 },
    { count: 3, perMs: 100, burst: 2 },
  ),
  weight: fc.constantFrom(0, 5),
});
const resend = at.map((n): Step => (leader) => {
  const again = leader.requests[n % Math.max(1, leader.requests.length)];
  if (again !== undefined) leader.submit(again, true);
});
const ofTask = (act: (leader: SimulatedLeader, id: string) => void) =>
  at.map((n): Step => (leader) => {
    const { id } = leader.requests[n % Math.max(1, leader.requests.length)] ?? {};
    if (id !== undefined) act(leader, id);
  });
const report = fc.tuple(at, fc.constantFrom(...OUTCOMES)).map(
  ([n, outcome]): Step =>
    (leader) =>
      leader.report(n, outcome),
);
const steps = (weight: number, arbitrary: fc.Arbitrary<Step>) => ({ weight, arbitrary });
const always = (step: Step) => fc.constant(step);
const node = fc.constantFrom("n1", "n2");

const step = fc.oneof(
  steps(6, submit),
  steps(1, resend),
  steps(8, report),
  steps(
    6,
    fc.integer({ min: 1, max: 4 }).map(
      (n): Step =>
        (leader) =>
          leader.commit(n),
    ),
  ),
  steps(
    6,
    fc.integer({ min: 1, max: 5 }).map(
      (n): Step =>
        () =>
          turns(n),
    ),
  ),
  steps(
    2,
    ofTask((leader, id) => leader.cancel(id)),
  ),
  steps(
    2,
    ofTask((leader, id) => leader.retry(id)),
  ),
  steps(
    2,
    at.map(
      (n): Step =>
        (leader) =>
          leader.operateAgain(n),
    ),
  ),
  steps(
    2,
    fc.tuple(queue, limits).map(
      ([name, asked]): Step =>
        (leader) =>
          leader.limit(name, asked),
    ),
  ),
  steps(
    2,
    fc.tuple(queue, fc.boolean()).map(
      ([name, paused]): Step =>
        (leader) =>
          leader.pause(name, paused),
    ),
  ),
  steps(
    3,
    fc.constantFrom(20, 100, 300).map(
      (ms): Step =>
        (leader) =>
          leader.pass(ms),
    ),
  ),
  steps(
    1,
    node.map((id): Step => async (leader) => {
      leader.detach(id);
      await leader.pass(LEASE_MS * 2);
    }),
  ),
  steps(
    1,
    node.map(
      (id): Step =>
        (leader) =>
          leader.attach(id),
    ),
  ),
  steps(
    1,
    always((leader) => void (leader.redis.down = !leader.redis.down)),
  ),
  steps(
    1,
    always((leader) => void (leader.redis.answersToLose = 1)),
  ),
  steps(
    1,
    fc.nat(6).map((n): Step => (leader) => {
      leader.redis.forgetAfter(Math.max(0, leader.redis.index - n));
    }),
  ),
  steps(
    1,
    always((leader) => leader.redis.forgetAfter(0)),
  ),
  steps(
    1,
    fc.nat(6).map((n): Step => ({ redis }) => {
      redis.readsAt = redis.readsAt === undefined ? Math.max(0, redis.index - n) : undefined;
    }),
  ),
  steps(
    2,
    fc.constantFrom(400 * DAY_MS, -400 * DAY_MS, -60_000, 500, -500).map(
      (byMs): Step =>
        (leader) =>
          leader.setClock(byMs),
    ),
  ),
  steps(
    1,
    fc.nat(3).map(
      (kept): Step =>
        (leader) =>
          leader.changeLeader(kept),
    ),
  ),
);

async function run(chosen: readonly Step[]): Promise<SimulatedLeader> {
  const leader = new SimulatedLeader();
  let used = 0;
  const next = (): string => IDS[used++] ?? ulid();
  leader.attach("n1");
  leader.attach("n2");
  for (const one of chosen) {
    await one(leader, next);
    leader.checkSlots();
  }
  await leader.settle();
  return leader;
}

describe("a leader's leader", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("ends every acknowledged task, runs none twice, and answers every call", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (chosen) => {
        // What a failed run left behind is not this one's.
        vi.clearAllTimers();
        const leader = await run(chosen);

        const unfinished = [...leader.truth.tasks].filter(([, { status }]) => !ENDED.has(status));
        expect(leader.wrong).toEqual([]);
        expect(unfinished.map(([id, { status }]) => `${id} ${status}`)).toEqual([]);
        expect([...leader.acknowledged].filter((id) => !leader.truth.tasks.has(id))).toEqual([]);
        expect([...leader.leader.workers.all()].map(({ running }) => running)).toEqual([0, 0]);
        await leader.close();
      }),
      { numRuns: 250 },
    );
  });

  describe("that is elected while reads come from a server that is behind", () => {
    /** With a task that was submitted, and where Redis was before and after. */
    async function withTask() {
      const leader = new SimulatedLeader();
      const inStep = async () => {
        while (leader.redis.index < leader.entries.length) await turns(1);
      };
      await inStep();
      const before = leader.redis.index;
      leader.submit(submission({ id: ulid(1) }));
      await turns(2);
      leader.commit();
      await inStep();
      return { leader, before, after: leader.redis.index };
    }

    async function electedReadingAt(leader: SimulatedLeader, index: number): Promise<void> {
      leader.redis.readsAt = index;
      await leader.changeLeader(0);
      leader.attach("n1");
      for (let round = 0; round < 5; round += 1) {
        await turns(5);
        await leader.pass(20);
        leader.commit(10);
      }
    }

    test("runs a task that it could not see there", async () => {
      const { leader, before } = await withTask();

      await electedReadingAt(leader, before);
      await leader.settle();

      expect([...leader.truth.tasks.values()].map(({ status }) => status)).toEqual([
        TaskStatus.COMPLETED,
      ]);
      await leader.close();
    });

    test("does not run again what is pending there and has ended since", async () => {
      const { leader, after } = await withTask();
      leader.attach("n1");
      await leader.settle();

      await electedReadingAt(leader, after);
      await leader.settle();

      expect(leader.wrong).toEqual([]);
      await leader.close();
    });
  });

  test("refuses cancellations and retries while too many are under way", async () => {
    const leader = new SimulatedLeader();
    const calls = Array.from({ length: 20_001 }, (_, n) => {
      const taskIds = [ulid(n)];
      const command: NonNullable<Command["kind"]> =
        n % 2 === 0
          ? { $case: "cancel", value: { taskIds } }
          : { $case: "retry", value: { taskIds, onlyDead: false } };
      return leader.operate(command).then(
        () => "done",
        (error: unknown) => (error instanceof QueueError ? error.code : error),
      );
    });

    expect(await calls.at(-1)).toBe("overloaded");

    await leader.settle();
    expect(new Set(await Promise.all(calls.slice(0, -1)))).toEqual(new Set(["done"]));
    await leader.close();
  });
});
