// Numbers stored in Redis as members of the generated enums; unknown ones are UNRECOGNIZED.
import { AttemptOutcome, TaskStatus } from "../../gen/mesh/v1/task.js";

const STATUSES: readonly TaskStatus[] = [
  TaskStatus.UNSPECIFIED,
  TaskStatus.SCHEDULED,
  TaskStatus.PENDING,
  TaskStatus.RUNNING,
  TaskStatus.COMPLETED,
  TaskStatus.FAILED,
  TaskStatus.DEAD,
  TaskStatus.CANCELLED,
];

const OUTCOMES: readonly AttemptOutcome[] = [
  AttemptOutcome.UNSPECIFIED,
  AttemptOutcome.COMPLETED,
  AttemptOutcome.FAILED,
  AttemptOutcome.TIMED_OUT,
  AttemptOutcome.LOST,
  AttemptOutcome.HANDED_BACK,
  AttemptOutcome.CANCELLED,
  AttemptOutcome.LAPSED,
];

export function storedStatus(value: number): TaskStatus {
  return STATUSES[value] ?? TaskStatus.UNRECOGNIZED;
}

export function storedOutcome(value: number): AttemptOutcome {
  return OUTCOMES[value] ?? AttemptOutcome.UNRECOGNIZED;
}
