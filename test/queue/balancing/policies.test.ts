// What holds under every policy, whatever the nodes and the tasks are.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/links/random.js";
import { createPolicy } from "../../../src/queue/balancing/create-policy.js";
import { POLICY_NAMES } from "../../../src/queue/balancing/policy.js";
import { PendingSet } from "../../../src/queue/pending/pending-set.js";
import { matchTasks } from "../../../src/queue/leader/matching.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import { fits } from "../../../src/queue/balancing/candidate.js";
import { NOW_MS, pendingTask, taskReport, workerHello } from "../../support/queue-fixtures.js";

const TYPES = ["process", "mail"];
const LABELS = ["gpu", "eu", "ssd"];
const MAX_TASKS = 30;

const node = fc.record({
  concurrency: fc.integer({ min: 1, max: 6 }),
  labels: fc.subarray(LABELS),
  types: fc.subarray(TYPES),
  standing: fc.constantFrom("active", "active", "active", "draining", "gone", "unleased"),
  /** How long its attempts took: so long that no slots are held back. */
  tookMs: fc.array(fc.integer({ min: 60, max: 5_000 }), { maxLength: 25 }),
});
const task = fc.record({ type: fc.constantFrom(...TYPES), requires: fc.subarray(LABELS) });
const turn = fc.record({
  tasks: fc.array(task, { maxLength: MAX_TASKS }),
  /** How many of the running attempts end before. */
  ended: fc.nat(20),
});
const settings = fc.record({
  weights: fc.constant(
    new Map([
      ["n0", 5],
      ["gpu", 3],
    ]),
  ),
  affinity: fc.constant(new Map([["mail", ["eu"]]])),
});

describe.each(POLICY_NAMES)("under %s", (policyName) => {
  test("no node gets more than its slots or what it cannot run, and none has slots free for what waits", () => {
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 1, maxLength: 6 }),
        fc.array(turn, { minLength: 1, maxLength: 5 }),
        settings,
        fc.integer(),
        (nodes, turns, more, seed) => {
          const policy = createPolicy({ policy: policyName, ...more }, seededRandom(seed));
          const workers = new WorkerDirectory(1_000, 0, 0);
          nodes.forEach(({ concurrency, labels, types, standing, tookMs }, at) => {
            const id = `n${at}`;
            workers.attach(workerHello(id, { concurrency, labels, types }), 0, 0);
            if (standing !== "unleased") workers.granted(id, 0);
            for (const ms of tookMs) {
              const report = { ...taskReport("t", 1), finishedAtMs: NOW_MS + ms };
              workers.reported(id, types[0] ?? "mail", report);
            }
            if (standing === "draining") workers.drain(id);
            if (standing === "gone") workers.detach(id);
          });
          workers.review();
          const pending = new PendingSet();
          const waiting = new Map<string, { type: string; requires: readonly string[] }>();
          const running: string[] = [];
          let index = 0;
          for (const { tasks, ended } of turns) {
            for (const id of running.splice(0, ended)) workers.occupied(id, -1);
            for (const need of tasks) {
              index += 1;
              pending.add(pendingTask(`t${index}`, index, need), index);
              waiting.set(`t${index}`, need);
            }

            const { assigns } = matchTasks(pending, workers, policy, 1_000, NOW_MS);

            for (const { nodeId, assignments } of assigns) {
              const worker = workers.get(nodeId);
              expect(nodes[Number(nodeId.slice(1))]?.standing).toBe("active");
              for (const { taskId, type, requires } of assignments) {
                expect(worker !== undefined && fits(worker, type, requires)).toBe(true);
                expect(waiting.delete(taskId)).toBe(true);
                running.push(nodeId);
              }
            }
            for (const { id, hello } of workers.all()) {
              const held = running.filter((one) => one === id).length;
              expect(held).toBeLessThanOrEqual(hello.concurrency);
            }
            for (const { worker } of workers.openings(policy)) {
              for (const [id, { type, requires }] of waiting) {
                expect(fits(worker, type, requires), `${id} waits beside ${worker.id}`).toBe(false);
              }
            }
          }
        },
      ),
    );
  });
});

describe("what a node takes beside the others", () => {
  function directory(tookMs: Readonly<Record<string, number>>, attempts: number): WorkerDirectory {
    const workers = new WorkerDirectory(1_000, 0, 0);
    for (const [id, ms] of Object.entries(tookMs)) {
      workers.attach(workerHello(id), 0, 0);
      for (let at = 0; at < attempts; at += 1) {
        workers.reported(id, "process", { ...taskReport("t", 1), finishedAtMs: NOW_MS + ms });
      }
    }
    workers.review();
    return workers;
  }
  const paces = (workers: WorkerDirectory) =>
    [...workers.all()].map(({ pace }) => Number(pace.slowness("process").toFixed(2)));

  test("is told in steps, so that chance makes no difference", () => {
    expect(paces(directory({ a: 100, b: 140, c: 80, d: 470, e: 60 }, 20))).toEqual([
      1, 1, 1, 4, 0.71,
    ]);
  });

  test("has bounds: a slow node goes on getting some", () => {
    expect(paces(directory({ a: 100, b: 100, c: 100_000 }, 20))).toEqual([1, 1, 8]);
  });

  test("is not told from a few attempts, nor from a few milliseconds", () => {
    expect(paces(directory({ a: 100, b: 400 }, 19))).toEqual([1, 1]);
    expect(paces(directory({ a: 0, b: 0, c: 1 }, 50))).toEqual([1, 1, 1]);
  });

  test("is not better for failing at once, and worse for failing late", () => {
    const workers = directory({ a: 100, b: 100, c: 100 }, 20);
    const failure = { error: undefined, retryable: true, timedOut: false };
    const failed = taskReport("t", 1, { $case: "failure", value: failure });
    for (let at = 0; at < 200; at += 1) {
      workers.reported("b", "process", failed);
      workers.reported("c", "process", { ...failed, finishedAtMs: NOW_MS + 470 });
    }
    workers.review();

    expect(paces(workers)).toEqual([1, 1, 4]);
  });

  test("counts for types that it has not run yet", () => {
    const workers = directory({ a: 100, b: 100, c: 470 }, 20);

    expect(workers.get("c")?.pace.slowness("mail")).toBe(4);
  });
});
