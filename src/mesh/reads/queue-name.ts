// Refuses what no queue is called, where a queue is asked for.
import { isName, NAME_RULE } from "../../input/name-rule.js";
import { requireThat } from "../../queue/errors.js";

/**
 * @param queue empty: every queue
 * @throws QueueError "invalid_field"
 */
export function requireQueueName(queue: string): void {
  requireThat(queue === "" || isName(queue), "queue", NAME_RULE);
}
