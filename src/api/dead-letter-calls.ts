// The calls of mesh.v1.TaskService that concern dead tasks as a whole.
import type { TaskServiceServer } from "../gen/mesh/v1/task_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { changeHandler } from "./leader-call.js";
import type { DeadLetters } from "./task-backend.js";

/** The calls of TaskService about dead letters, which the leader does. */
export function deadLetterCalls(
  deadLetters: DeadLetters,
  forwarder: Forwarder,
  log: EdgeLog,
): Pick<TaskServiceServer, "retryDeadLetters" | "dropDeadLetters"> {
  return {
    retryDeadLetters: changeHandler(
      { forwarder, log },
      (request) => deadLetters.retry(request),
      (peer) => peer.tasks.retryDeadLetters.bind(peer.tasks),
    ),
    dropDeadLetters: changeHandler(
      { forwarder, log },
      (request) => deadLetters.drop(request),
      (peer) => peer.tasks.dropDeadLetters.bind(peer.tasks),
    ),
  };
}
