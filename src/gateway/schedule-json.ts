// A schedule as HTTP shows it.
import { MisfirePolicy, type ScheduleState } from "../gen/mesh/v1/schedule.js";
import type { TaskDefinition } from "../gen/mesh/v1/task.js";
import { present } from "./answers.js";
import { backoffJson } from "./task-json.js";

/** A schedule as JSON text: the data of its task is taken over as it is, not parsed. */
export function scheduleJson(state: ScheduleState): string {
  const { name, cron, timezone, task, paused, misfire } = present(state.schedule);
  const head = { name, cron, timezone };
  const rest = {
    paused,
    misfire: misfire === MisfirePolicy.SKIP ? "skip" : "once",
    nextAt: timeOf(state.nextAtMs),
    lastFiredAt: timeOf(state.lastFiredAtMs),
    lastTaskId: state.lastTaskId === "" ? null : state.lastTaskId,
    fired: state.fired,
    revision: state.revision,
    createdAt: timeOf(state.createdAtMs),
    updatedAt: timeOf(state.updatedAtMs),
  };
  const taskText = task === undefined ? "null" : templateJson(task);
  return `${open(head)},"task":${taskText},${JSON.stringify(rest).slice(1)}`;
}

/** Data is JSON text already, and is neither parsed nor written again. */
function templateJson(task: TaskDefinition): string {
  const { type, queue, priority, maxAttempts, timeoutMs, requires, deadlineMs } = task;
  const plain = {
    queue,
    priority,
    maxAttempts,
    timeoutMs: timeoutMs === 0 ? null : timeoutMs,
    requires,
    deadlineMs: deadlineMs === 0 ? null : deadlineMs,
  };
  return (
    `{"type":${JSON.stringify(type)},"data":${task.data || "null"}` +
    `,"backoff":${backoffJson(task.backoff)},${JSON.stringify(plain).slice(1)}`
  );
}

/** JSON text of an object, without its closing brace. */
function open(value: object): string {
  return JSON.stringify(value).slice(0, -1);
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
