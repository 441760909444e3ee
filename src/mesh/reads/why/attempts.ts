// Of each attempt of a task: why it ran where it did, and why it ended there. From the task's history
// and the log; why its node was chosen only the leader knows that chose it.
import {
  AttemptOutcome,
  type AttemptRecord,
  type Task,
  TaskStatus,
} from "../../../gen/mesh/v1/task.js";
import type { AttemptWhy, ConsideredNode, Reason } from "../../../gen/mesh/v1/task_why.js";
import type { DrainRecord } from "../../../queue/state/drain-table.js";
import { LEASE_HAD_RUN_OUT, LEASE_LOST, RESTARTED } from "../../../queue/task/attempt-ending.js";
import type { Considered, Placement } from "../../../queue/why/placements.js";
import { listed, reason } from "../../../queue/why/reason.js";
import { fits } from "../../../queue/balancing/candidate.js";

export interface AttemptSources {
  /** Undefined where this leader did not make the entry, or has forgotten it. */
  readonly placementOf: (fence: number) => Placement | undefined;
  /** Undefined where the log does not reach back to it. */
  readonly termAt: (index: number) => number | undefined;
  /** The newest decision that the node is to leave. */
  readonly drainOf: (nodeId: string) => DrainRecord | undefined;
}

/** Those that ended, oldest first, and the running one. */
export function attemptsWhy(task: Task, sources: AttemptSources): AttemptWhy[] {
  const ended = task.history.map((record) => attemptWhy(task, record, sources, record));
  if (task.status !== TaskStatus.RUNNING) return ended;
  const { attempts, workerId, fence } = task;
  const running = { attempt: attempts, workerId, fence };
  return [...ended, attemptWhy(task, running, sources, undefined)];
}

function attemptWhy(
  task: Task,
  { attempt, workerId, fence }: Pick<AttemptRecord, "attempt" | "workerId" | "fence">,
  sources: AttemptSources,
  record: AttemptRecord | undefined,
): AttemptWhy {
  return {
    attempt,
    workerId,
    fence,
    term: sources.termAt(fence) ?? 0,
    placed: placed(task, workerId, sources.placementOf(fence)),
    ended: record && ended(record, sources),
  };
}

function placed(
  task: Pick<Task, "type" | "requires">,
  workerId: string,
  placement: Placement | undefined,
): Reason {
  if (placement === undefined) {
    const message =
      "the leader that chose the node leads no more, or has forgotten why: what is known is the " +
      "entry that gave it the task";
    return reason("placement_unknown", message);
  }
  const { atMs, policy, assigned } = placement;
  const able = placement.considered.filter((one) => fits(one, task.type, task.requires));
  const details = { nodes: able.map(consideredNode), atMs };
  const [only, ...others] = able;
  if (only !== undefined && others.length === 0) {
    const message = `${workerId} was the only node that could take it and had a free slot (${freeText(only)})`;
    return reason("only_candidate", message, details);
  }
  const tasks = assigned === 1 ? "" : `, for one of ${assigned} tasks at once`;
  const message = `the policy ${policy} chose ${workerId}${tasks}: ${listed(able, freeText)}`;
  return reason("chosen_by_policy", message, details);
}

function freeText({ id, hello, freeSlots }: Considered): string {
  return `${id} ${freeSlots} of ${hello.concurrency} free`;
}

function consideredNode(one: Considered): ConsideredNode {
  const { hello, ...load } = one;
  return { ...load, state: "active", concurrency: hello.concurrency, missingLabels: [] };
}

function ended(record: AttemptRecord, sources: AttemptSources): Reason {
  const { finishedAtMs, endedIndex: index } = record;
  const { code, message } = endOf(record, sources);
  const term = index === 0 ? 0 : (sources.termAt(index) ?? 0);
  return reason(code, message, { atMs: finishedAtMs, index, term });
}

function endOf(
  record: AttemptRecord,
  { drainOf }: AttemptSources,
): { readonly code: string; readonly message: string } {
  const { workerId, outcome, error } = record;
  switch (outcome) {
    case AttemptOutcome.COMPLETED:
      return { code: "completed", message: `its handler on ${workerId} completed` };
    case AttemptOutcome.FAILED:
      return { code: "failed", message: `its handler on ${workerId} failed: ${error}` };
    case AttemptOutcome.TIMED_OUT:
      return error === DEADLINE_TEXT
        ? { code: "deadline_exceeded", message: `its deadline passed while it ran on ${workerId}` }
        : { code: "timed_out", message: `it ran on ${workerId} for longer than timeoutMs` };
    case AttemptOutcome.CANCELLED:
      return { code: "cancelled", message: `it was cancelled while it ran on ${workerId}` };
    case AttemptOutcome.LOST:
      return error === RESTARTED
        ? { code: "node_restarted", message: `${workerId} was started anew while it ran there` }
        : {
            code: error === LEASE_HAD_RUN_OUT ? "lease_run_out" : "node_lost",
            message: `${workerId} was lost while it ran there: ${causeText(error)}`,
          };
    case AttemptOutcome.LAPSED:
      return {
        code: "lease_run_out",
        message: `${workerId} let its lease run out while it ran there, and lived on`,
      };
    case AttemptOutcome.HANDED_BACK:
      return handedBack(record, drainOf(workerId));
    case AttemptOutcome.UNSPECIFIED:
    case AttemptOutcome.UNRECOGNIZED:
      return { code: "unknown", message: `how it ended on ${workerId} is not known` };
  }
}

function handedBack(
  { workerId, startedAtMs, finishedAtMs, error }: AttemptRecord,
  drain: DrainRecord | undefined,
): { readonly code: string; readonly message: string } {
  const message = `${workerId} handed it back: ${causeText(error)}`;
  if (error === LEASE_LOST || error === LEASE_HAD_RUN_OUT)
    return { code: "lease_run_out", message };
  const isDrained = drain !== undefined && startedAtMs <= drain.atMs && drain.atMs <= finishedAtMs;
  return isDrained
    ? { code: "node_drained", message: `${workerId} was drained, and handed it back` }
    : { code: "handed_back", message };
}

/** Written by scripts/overdue.lua. */
const DEADLINE_TEXT = "deadline exceeded";

function causeText(error: string): string {
  return error === "" ? "why is not recorded" : error;
}
