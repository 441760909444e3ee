// Refuses what no queue is called, where a queue is asked for.
import { isName, NAME_RULE } from "../config/name-rule.js";
import { QueueError } from "../queue/errors.js";

/**
 * @param queue empty: every queue
 * @throws QueueError "invalid_field"
 */
export function requireQueueName(queue: string, field = "queue"): void {
  if (queue === "" || isName(queue)) return;
  throw new QueueError("invalid_field", `${field} ${NAME_RULE}`, { field });
}
