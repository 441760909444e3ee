// Everything that holds up a task which does not run: read off what the leader decides by, at the cost
// of one look at each, whatever the backlog.
import type { Reason } from "../../gen/mesh/v1/task_why.js";
import { AttemptOutcome, type Task, TaskStatus } from "../../gen/mesh/v1/task.js";
import type { BalancerPolicy } from "../balancing/policy.js";
import type { QueueGates } from "../controls/queue-gates.js";
import { nodeReasons, type NodeStanding } from "./node-reasons.js";
import { listed, reason, timeText } from "./reason.js";

type StandingsPolicy = Pick<BalancerPolicy, "shareOf">;

/** How well Redis follows the log. */
export interface RedisStanding {
  readonly state:
    { readonly kind: "in-step" } | { readonly kind: "waiting" | "stuck"; readonly reason: string };
  /** Whether all that waits in it has been looked at in this term. */
  readonly isRead: boolean;
}

export interface HoldUpsParts {
  readonly gates: Pick<QueueGates, "standingOf">;
  readonly workers: { standings(policy: StandingsPolicy): readonly NodeStanding[] };
  readonly policy: StandingsPolicy;
  /** Whether the task waits in the leader's memory: it can then be given to a node without Redis. */
  readonly isAtHand: (id: string) => boolean;
  /** Entry that is proposed to give the task to a node. */
  readonly claimedAt: (id: string) => number | undefined;
  readonly redis: () => RedisStanding;
  readonly now: () => number;
}

/** How things stand outside of the leader's proposals. */
export interface Standing {
  /** Last entry that is committed and applied here. */
  readonly appliedIndex: number;
  /** Last entry that Redis reflects. */
  readonly redisIndex: number;
  /** Tasks of its queue that come before it; undefined where Redis does not tell. */
  readonly ahead: number | undefined;
}

type Waiting = Pick<
  Task,
  "id" | "type" | "queue" | "status" | "requires" | "runAtMs" | "waitsFor" | "schedule" | "history"
>;

export class HoldUps {
  readonly #parts: HoldUpsParts;
  constructor(parts: HoldUpsParts) {
    this.#parts = parts;
  }

  /** Of a task that is pending or scheduled; at least one. */
  of(task: Waiting, standing: Standing): Reason[] {
    if (task.status === TaskStatus.SCHEDULED) return this.#ofScheduled(task, standing);
    const claimedAt = this.#parts.claimedAt(task.id);
    if (claimedAt !== undefined) return [beingAssigned(claimedAt, standing.appliedIndex)];
    const reasons = [
      ...this.#queueReasons(task.queue),
      ...nodeReasons(this.#parts.workers.standings(this.#parts.policy), task),
      ...this.#redisReasons(task.id, standing),
    ];
    // Those ahead hold up nothing by themselves: they may need other nodes.
    return [
      ...(reasons.length > 0 ? reasons : [NEXT]),
      ...aheadReasons(task.queue, standing.ahead),
    ];
  }

  #ofScheduled(task: Waiting, standing: Standing): Reason[] {
    const reasons: Reason[] = [];
    if (task.waitsFor.length > 0) {
      const message = `it waits for ${listed(task.waitsFor, (id) => id)} to end`;
      reasons.push(reason("waiting_for_tasks", message, { taskIds: [...task.waitsFor] }));
    }
    if (task.runAtMs > this.#parts.now()) reasons.push(notDue(task));
    if (reasons.length > 0) return reasons;
    const behind = this.#redisReasons(task.id, standing);
    const message = "its time has come: one of the next entries of the log makes it pending";
    return behind.length > 0 ? behind : [reason("due", message, { atMs: task.runAtMs })];
  }

  #queueReasons(queue: string): Reason[] {
    const { paused, running, concurrency, nextStartMs } = this.#parts.gates.standingOf(queue);
    const reasons: Reason[] = [];
    if (paused) reasons.push(reason("queue_paused", `its queue ${queue} is paused`));
    if (concurrency > 0 && running >= concurrency) {
      const message = `its queue ${queue} may run ${concurrency} at a time, and ${running} run`;
      reasons.push(reason("queue_concurrency", message, { count: running, limit: concurrency }));
    }
    if (nextStartMs > this.#parts.now()) {
      const message =
        `the rate of its queue ${queue} is used up: the next of its tasks may start at ` +
        timeText(nextStartMs);
      reasons.push(reason("queue_rate", message, { atMs: nextStartMs }));
    }
    return reasons;
  }

  /** What is at hand runs without Redis: only what has to be read there waits for it. */
  #redisReasons(id: string, { redisIndex, appliedIndex }: Standing): Reason[] {
    if (this.#parts.isAtHand(id)) return [];
    const { state, isRead } = this.#parts.redis();
    const isBehind = state.kind !== "in-step" || !isRead || redisIndex < appliedIndex;
    if (!isBehind) return [];
    const why = state.kind === "in-step" ? "" : ` (${state.reason})`;
    const message =
      "it waits in Redis, which is behind the log" +
      `${why}: it is known to reflect entry ${redisIndex} of ${appliedIndex}`;
    return [reason("redis_behind", message, { count: redisIndex, limit: appliedIndex })];
  }
}

const NEXT = reason(
  "next",
  "nothing holds it up: one of the next entries of the log gives it to a node",
);

function beingAssigned(index: number, appliedIndex: number): Reason {
  const message =
    index > appliedIndex
      ? `entry ${index} gives it to a node, and is on its way to a majority of the voters`
      : `entry ${index} gave it to a node, and Redis does not show it yet`;
  return reason("being_assigned", message, { index });
}

function aheadReasons(queue: string, ahead: number | undefined): Reason[] {
  if (ahead === undefined || ahead === 0) return [];
  const tasks = ahead === 1 ? "1 task" : `${ahead} tasks`;
  const message = `${tasks} of its queue ${queue} with a higher priority or an older place come first`;
  return [reason("tasks_ahead", message, { count: ahead })];
}

/** Ends of attempts after which the next one may have to wait. */
const BACKS_OFF: ReadonlySet<AttemptOutcome> = new Set([
  AttemptOutcome.FAILED,
  AttemptOutcome.TIMED_OUT,
  AttemptOutcome.LOST,
  AttemptOutcome.LAPSED,
]);

function notDue({ runAtMs, history, schedule }: Waiting): Reason {
  const last = history.at(-1);
  if (last !== undefined && BACKS_OFF.has(last.outcome)) {
    const message = `attempt ${last.attempt} did not complete, and its backoff lasts until ${timeText(runAtMs)}`;
    return reason("retry_backoff", message, { atMs: runAtMs, index: last.endedIndex });
  }
  const of = schedule === "" ? "" : ` by the schedule ${schedule}`;
  return reason("delayed", `it was submitted${of} to run not before ${timeText(runAtMs)}`, {
    atMs: runAtMs,
  });
}
