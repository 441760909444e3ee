// Nodes with slots and speeds in virtual time, fed by the real scheduler: who gets how much.
import type { BalancerPolicy } from "../../src/queue/balancing/policy.js";
import { PendingSet } from "../../src/queue/pending/pending-set.js";
import { matchTasks } from "../../src/queue/leader/matching.js";
import { WorkerDirectory } from "../../src/queue/leader/worker-directory.js";
import { seededRandom } from "../../src/links/random.js";
import { NOW_MS, pendingTask, taskReport, workerHello } from "./queue-fixtures.js";

const REVIEW_MS = 100;
const MAX_ASSIGNMENTS = 1_000;
/** Share of a duration that is drawn at random, to both sides. */
const JITTER = 0.2;

export interface SimulatedNode {
  readonly id: string;
  readonly slots: number;
  /** How long a task takes on it, about, by the time since the beginning. */
  readonly durationMs: (atMs: number) => number;
  readonly labels?: readonly string[];
}

export interface SimulatedLoad {
  readonly tasks: number;
  /** From one arrival to the next; 0: all come at once. */
  readonly everyMs: number;
  /** Labels that the nth task asks for. */
  readonly requires?: (nth: number) => string[];
}

interface Ended {
  readonly nodeId: string;
  readonly startedAtMs: number;
}

/** Where each task ran, in the order in which they started, and what each node has learnt. */
export interface Spread {
  readonly started: readonly { readonly nodeId: string; readonly requires: readonly string[] }[];
  /** Most tasks that a node ran at a time. */
  readonly most: ReadonlyMap<string, number>;
  readonly workers: WorkerDirectory;
}

export function simulateSpread(
  policy: BalancerPolicy,
  nodes: readonly SimulatedNode[],
  { tasks, everyMs, requires = () => [] }: SimulatedLoad,
): Spread {
  const random = seededRandom(7);
  const workers = new WorkerDirectory(1_000, 0, 0);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const { id, slots, labels = [] } of nodes) {
    workers.attach(workerHello(id, { concurrency: slots, labels: [...labels] }), 0, 0);
    workers.granted(id, 0);
  }
  const pending = new PendingSet();
  const started: { nodeId: string; requires: readonly string[] }[] = [];
  const most = new Map<string, number>();
  const endings = new Map<number, Ended[]>();
  let arrived = 0;
  for (let atMs = 0; started.length < tasks; atMs += 1) {
    for (const { nodeId, startedAtMs } of endings.get(atMs) ?? []) {
      workers.occupied(nodeId, -1);
      workers.reported(nodeId, "process", {
        ...taskReport("t", 1),
        startedAtMs,
        finishedAtMs: atMs,
      });
    }
    endings.delete(atMs);
    if (atMs % REVIEW_MS === 0) workers.review();
    for (; arrived < tasks && arrived * everyMs <= atMs; arrived += 1) {
      const task = pendingTask(`t${arrived}`, arrived + 1, { requires: requires(arrived) });
      pending.add(task, arrived + 1);
    }
    const { assigns } = matchTasks(pending, workers, policy, MAX_ASSIGNMENTS, NOW_MS);
    for (const { nodeId, assignments } of assigns) {
      most.set(nodeId, Math.max(most.get(nodeId) ?? 0, workers.get(nodeId)?.running ?? 0));
      for (const assignment of assignments) {
        started.push({ nodeId, requires: assignment.requires });
        const usualMs = byId.get(nodeId)?.durationMs(atMs) ?? 0;
        const tookMs = usualMs * (1 + JITTER * (2 * random() - 1));
        const endsAtMs = atMs + Math.max(1, Math.round(tookMs));
        const ending = { nodeId, startedAtMs: atMs };
        const others = endings.get(endsAtMs);
        if (others === undefined) endings.set(endsAtMs, [ending]);
        else others.push(ending);
      }
    }
  }
  return { started, most, workers };
}
