// The leader's leader: what it foresees agrees with what is committed, and nobody waits for ever.
import { describe, expect, test } from "vitest";
import type { Release } from "../../../src/gen/mesh/v1/command.js";
import { AttemptOutcome } from "../../../src/gen/mesh/v1/task.js";
import { stepsOf } from "../../../src/queue/state/operation-steps.js";
import { AssignmentTable } from "../../../src/queue/state/assignment-table.js";
import { LeastLoadedPolicy } from "../../../src/queue/balancing/least-loaded.js";
import { QueueGates } from "../../../src/queue/controls/queue-gates.js";
import { EndOfTurn } from "../../../src/queue/leader/end-of-turn.js";
import { EntryProposer } from "../../../src/queue/leader/entry-proposer.js";
import { Foresight } from "../../../src/queue/leader/foresight.js";
import { OperationTable } from "../../../src/queue/state/operation-table.js";
import { PendingSet } from "../../../src/queue/pending/pending-set.js";
import { PromotionClock } from "../../../src/queue/leader/promotion-clock.js";
import { Placements } from "../../../src/queue/why/placements.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import {
  cancellation,
  ManualLog,
  NOW_MS,
  stateOf,
  taskDefinition,
  turns,
  workerHello,
} from "../../support/queue-fixtures.js";

/** The task "a" of entry 1 is taken from its node. */
const released = (reason: Release["reason"], runAtMs = 0): Release => {
  return { taskId: "a", fence: 1, reason, cause: "", runAtMs };
};

function openProposer() {
  const table = new AssignmentTable();
  const workers = new WorkerDirectory(1_000, 0, 500);
  const log = new ManualLog();
  const lost: string[] = [];
  const gates = new QueueGates();
  const promotions = new PromotionClock(
    () => NOW_MS,
    () => undefined,
  );
  const pending = new PendingSet({ gate: gates });
  const foresight = new Foresight({
    ...{ table, workers, gates, pending, promotions },
    operations: new OperationTable(),
  });
  const turn = new EndOfTurn(() => void proposer.propose());
  const proposer: EntryProposer = new EntryProposer({
    ...{ log, foresight, pending, workers, promotions, turn },
    policy: new LeastLoadedPolicy(),
    placements: new Placements(),
    now: () => NOW_MS,
    onLost: (reason) => lost.push(reason),
  });
  const attach = (nodeId: string, concurrency = 4) => {
    const worker = workers.attach(
      workerHello(nodeId, { concurrency }),
      foresight.runningOn(nodeId),
      0,
    );
    workers.granted(nodeId, 0);
    return worker;
  };
  /** Commits the oldest open proposal; the kinds of its commands. */
  const commit = async () => {
    const entry = log.take();
    if (entry === undefined) throw new Error("nothing was proposed");
    for (const { batch } of stepsOf(entry.batch, () => true)) {
      foresight.committed(table.apply(entry.index, batch));
    }
    entry.resolve();
    await turns(1);
    return entry.batch.commands.map(({ kind }) => kind?.$case);
  };
  const running = (nodeId: string) => workers.get(nodeId)?.running;
  return { proposer, table, workers, log, lost, attach, commit, running };
}

const completed = (taskId: string, fence: number) => ({
  taskId,
  fence,
  startedAtMs: NOW_MS,
  finishedAtMs: NOW_MS,
  outcome: { $case: "completed", value: "1" } as const,
});

describe("the proposer", () => {
  test("submits and assigns in one entry where a slot is free", async () => {
    const { proposer, attach, commit, table } = openProposer();
    attach("n1");

    const index = proposer.submit([taskDefinition("a")]);
    await turns();

    expect(await commit()).toEqual(["submit", "assign"]);
    expect(await index).toBe(1);
    expect(table.get("a")?.nodeId).toBe("n1");
  });

  test("never assigns a task that is cancelled in the same entry", async () => {
    const { proposer, attach, commit, table } = openProposer();
    attach("n1");

    void proposer.submit([taskDefinition("a")]);
    void proposer.operate(cancellation("a"));
    await turns();

    expect(await commit()).toEqual(["submit", "operate"]);
    expect(table.size).toBe(0);
  });

  test("assigns a task that lost its node at once, and one that is to wait not before", async () => {
    const { proposer, attach, commit, table } = openProposer();
    attach("n1");
    void proposer.submit([taskDefinition("a")]);
    await turns();
    await commit();

    proposer.release(released(AttemptOutcome.LOST));
    await turns();
    expect(await commit()).toEqual(["release", "assign"]);
    expect(table.get("a")?.assignment.losses).toBe(1);

    proposer.release({ ...released(AttemptOutcome.LOST, NOW_MS + 1), fence: 2 });
    await turns();
    expect(await commit()).toEqual(["release"]);
    expect(table.size).toBe(0);
  });

  test("never assigns a released task that is cancelled in the same entry", async () => {
    const { proposer, attach, commit, table } = openProposer();
    attach("n1");
    void proposer.submit([taskDefinition("a")]);
    await turns();
    await commit();

    proposer.release(released(AttemptOutcome.HANDED_BACK));
    void proposer.operate(cancellation("a"));
    await turns();
    await commit();

    expect(table.size).toBe(0);
  });

  test("never assigns a task that was released behind its cancellation", async () => {
    const { proposer, attach, commit, table } = openProposer();
    attach("n1");
    void proposer.submit([taskDefinition("a")]);
    await turns();
    // given the assignment and, behind it, the cancellation are on their way
    void proposer.operate(cancellation("a"));
    await turns();
    await commit();

    // when the task is released before the cancellation is committed
    proposer.release(released(AttemptOutcome.LOST));
    await turns();
    await commit();
    await commit();

    expect(table.size).toBe(0);
  });

  test("frees the slot once where a report meets a cancellation that is on its way", async () => {
    const { proposer, attach, commit, running } = openProposer();
    attach("n1");
    void proposer.submit([taskDefinition("a")]);
    await turns();
    // given the assignment and, behind it, the cancellation are on their way
    void proposer.operate(cancellation("a"));
    await turns();
    await commit();

    // when the attempt ends before the cancellation is committed
    proposer.finish(completed("a", 1));
    await turns();
    await commit();
    await commit();

    expect(running("n1")).toBe(0);
  });

  test("counts a worker that attaches while its tasks are being taken away", async () => {
    const { proposer, attach, commit, running, table } = openProposer();
    table.apply(1, {
      atMs: NOW_MS,
      commands: [
        {
          kind: {
            $case: "assign",
            value: {
              nodeId: "n1",
              assignments: [
                {
                  taskId: "a",
                  type: "unknown",
                  queue: "default",
                  priority: 5,
                  sequence: 1,
                  attempt: 1,
                  maxAttempts: 3,
                  backoff: taskDefinition("a").backoff,
                  timeoutMs: 0,
                  requires: [],
                  losses: 0,
                  lapses: 0,
                  runAtMs: NOW_MS,
                  deadlineAtMs: 0,
                },
              ],
            },
          },
        },
      ],
    });

    proposer.release(released(AttemptOutcome.LOST));
    attach("n1");
    await turns();
    await commit();

    expect(table.size).toBe(0);
    expect(running("n1")).toBe(0);
  });

  test("ends an attempt once, however often it is reported", async () => {
    const { proposer, attach, commit } = openProposer();
    attach("n1");
    void proposer.submit([taskDefinition("a")]);
    await turns();
    await commit();

    expect(proposer.finish(completed("a", 1))).toBe(true);
    expect(proposer.finish(completed("a", 1))).toBe(false);
    expect(proposer.release(released(AttemptOutcome.LOST))).toBe(false);
    expect(proposer.finish(completed("a", 7))).toBe(false);
  });

  test("keeps an entry of failures with long stacks within its bound", async () => {
    const { proposer, attach, commit, log } = openProposer();
    attach("n1", 500);
    void proposer.submit(Array.from({ length: 500 }, (_, at) => taskDefinition(`t${at}`)));
    await turns();
    await commit();

    const error = { name: "Error", message: "m".repeat(4_096), stack: "s".repeat(8_192) };
    for (let at = 0; at < 500; at += 1) {
      const outcome = { $case: "dead", value: { error, timedOut: false } } as const;
      proposer.finish({ ...completed(`t${at}`, 1), outcome });
    }
    await turns();

    const outcomes = log.take()?.batch.commands[0]?.kind;
    expect(outcomes?.$case === "finish" && outcomes.value.outcomes.length).toBeLessThan(100);
  });
});

describe("an proposer whose proposal fails", () => {
  test("is closed when the log refuses: everyone hears, and it is told once", async () => {
    const { proposer, log, lost } = openProposer();
    log.refusal = "transferring";

    const submitted = proposer.submit([taskDefinition("a")]);
    const cancelled = proposer.operate(cancellation("b"));
    await expect(submitted).rejects.toMatchObject({ code: "outcome_unknown" });
    await expect(cancelled).rejects.toMatchObject({ code: "outcome_unknown" });

    expect(lost).toHaveLength(1);
    await expect(proposer.submit([taskDefinition("c")])).rejects.toMatchObject({
      code: "not_leader",
    });
  });

  test("is closed when entries on their way are lost: what waits behind them is refused", async () => {
    const { proposer, log, lost } = openProposer();
    const waiting: Promise<number>[] = [];
    for (let entry = 0; entry < 6; entry += 1) {
      waiting.push(proposer.submit([taskDefinition(`t${entry}`)]));
      await turns(1);
    }

    log.loseAll();

    const states = await Promise.all(waiting.map(stateOf));
    expect(states).toEqual(waiting.map(() => "broken"));
    expect(lost).toHaveLength(1);
  });

  test("proposes nothing more once it is closed", async () => {
    const { proposer, log } = openProposer();
    const waiting = proposer.submit([taskDefinition("a")]);

    proposer.close(new Error("over"));

    await expect(waiting).rejects.toThrow("over");
    await turns();
    expect(log.proposed).toHaveLength(0);
  });
});
