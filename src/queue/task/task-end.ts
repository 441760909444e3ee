// Which states are the end of a task.
import { TaskStatus } from "../../gen/mesh/v1/task.js";

/** Whether a task in this state has reached its end. */
export function isEnd(status: TaskStatus): boolean {
  return (
    status === TaskStatus.COMPLETED || status === TaskStatus.DEAD || status === TaskStatus.CANCELLED
  );
}
