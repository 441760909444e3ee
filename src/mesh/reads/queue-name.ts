// Checks the name of a queue in a request: one that no queue can have is refused.
import { isName, NAME_RULE } from "../../input/name-rule.js";
import { requireThat } from "../../queue/errors.js";

/**
 * @param queue empty: every queue
 * @throws QueueError "invalid_field"
 */
export function requireQueueName(queue: string): void {
  requireThat(queue === "" || isName(queue), "queue", NAME_RULE);
}
