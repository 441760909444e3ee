// What a decision of the scheduler costs under each policy: 20 nodes of 32 slots, tasks of one type.
// Run: node bench/run.mjs balancing
import { createPolicy } from "../src/queue/balancing/create-policy.js";
import { POLICY_NAMES, type PolicyName } from "../src/queue/balancing/policy.js";
import { PendingSet } from "../src/queue/pending/pending-set.js";
import { matchTasks } from "../src/queue/leader/matching.js";
import { WorkerDirectory } from "../src/queue/leader/worker-directory.js";
import { seededRandom } from "../src/links/random.js";
import { NOW_MS, pendingTask, taskReport, workerHello } from "../test/support/queue-fixtures.js";

const NODES = 20;
const SLOTS = 32;
const ASSIGNMENTS = 20_000;
const RUNS = 15;

/** Nanoseconds for each assignment, where `perTurn` slots are free whenever the scheduler looks. */
function costOf(name: PolicyName, perTurn: number): number {
  const settings = { policy: name, weights: new Map([["n3", 4]]), affinity: new Map() };
  const policy = createPolicy(settings, seededRandom(1));
  const workers = new WorkerDirectory(1_000, 0, 0);
  for (let at = 0; at < NODES; at += 1) {
    workers.attach(workerHello(`n${at}`, { concurrency: SLOTS }), 0, 0);
    workers.granted(`n${at}`, 0);
    // Long attempts: no slots are held back.
    const report = { ...taskReport("t", 1), finishedAtMs: NOW_MS + 60_000 };
    workers.reported(`n${at}`, "process", report);
  }
  const pending = new PendingSet();
  const busy: string[] = [];
  let submitted = 0;
  let assigned = 0;
  let spentMs = 0;
  while (assigned < ASSIGNMENTS) {
    for (; pending.size < perTurn; submitted += 1) {
      pending.add(pendingTask(`t${submitted}`, submitted + 1), submitted + 1);
    }
    for (const id of busy.splice(0, busy.length - (NODES * SLOTS - perTurn))) {
      workers.occupied(id, -1);
    }
    const startMs = performance.now();
    const { assigns } = matchTasks(pending, workers, policy, 1_000, NOW_MS);
    spentMs += performance.now() - startMs;
    for (const { nodeId, assignments } of assigns) {
      assigned += assignments.length;
      busy.push(...assignments.map(() => nodeId));
    }
    workers.review();
  }
  return (spentMs * 1e6) / assigned;
}

for (const name of POLICY_NAMES) {
  for (const perTurn of [1, 10, 100, 640]) {
    // The quickest of some runs: what else the machine does only ever adds.
    const runs = Array.from({ length: RUNS }, () => costOf(name, perTurn));
    const ns = Math.round(Math.min(...runs));
    process.stdout.write(
      `${name.padEnd(20)} ${`${perTurn}`.padStart(4)} a turn  ${`${ns}`.padStart(6)} ns\n`,
    );
  }
}
