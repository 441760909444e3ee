// Brings pending tasks and free slots together. It decides and occupies; proposing is the caller's.
import type { AssignCommand, Assignment } from "../../gen/mesh/v1/command.js";
import { Openings } from "../balancing/openings.js";
import type { BalancerPolicy, Opening } from "../balancing/policy.js";
import type { PendingSet } from "../pending/pending-set.js";
import type { PendingTask } from "../task/pending-task.js";
import type { WorkerDirectory } from "./worker-directory.js";

/** What was decided, one command per node that got work, and when there may be more to decide. */
export interface Decision {
  readonly assigns: readonly AssignCommand[];
  /** The nodes that there were to choose from, each with the slots that are left. */
  readonly openings: readonly Opening[];
  /** When a queue that is held up by its rate may start its next task; Infinity: none is. */
  readonly opensAtMs: number;
  /** Tasks that would have been next, had their deadline not passed: no longer pending. */
  readonly overdue: readonly string[];
}

const NOTHING: Decision = { assigns: [], openings: [], opensAtMs: Infinity, overdue: [] };

/**
 * Assigns up to `limit` tasks: the most urgent first, each to the node that the policy picks among
 * those with a free slot, the type and the labels. Takes the tasks out of `pending` and the slots
 * out of `workers`.
 *
 * @param atMs time of the entry that will hold the assignments
 */
export function matchTasks(
  pending: PendingSet,
  workers: WorkerDirectory,
  policy: BalancerPolicy,
  limit: number,
  atMs: number,
): Decision {
  if (pending.size === 0) return NOTHING;
  const open = workers.openings(policy);
  const openings = new Openings(open, policy);
  if (openings.freeSlots === 0) return NOTHING;
  const turn = pending.turn(atMs);
  const byNode = new Map<string, Assignment[]>();
  for (let assigned = 0; assigned < limit && openings.freeSlots > 0; assigned += 1) {
    const task = turn.take((type, requires) => openings.has({ type, requires }));
    if (task === undefined) break;
    const { id } = openings.take(task);
    workers.occupied(id, 1);
    const assignments = byNode.get(id);
    if (assignments === undefined) byNode.set(id, [assignmentOf(task)]);
    else assignments.push(assignmentOf(task));
  }
  const assigns = [...byNode].map(([nodeId, assignments]) => ({ nodeId, assignments }));
  return { assigns, openings: open, opensAtMs: turn.opensAtMs, overdue: turn.overdue };
}

function assignmentOf(task: PendingTask): Assignment {
  return {
    taskId: task.id,
    type: task.type,
    queue: task.queue,
    priority: task.priority,
    sequence: task.sequence,
    attempt: task.attempts + 1,
    maxAttempts: task.maxAttempts,
    backoff: task.backoff,
    timeoutMs: task.timeoutMs,
    requires: [...task.requires],
    losses: task.losses,
    lapses: task.lapses,
    runAtMs: task.runAtMs,
    deadlineAtMs: task.deadlineAtMs,
  };
}
