// The calls of mesh.v1.TaskService that concern dead tasks as a whole.
import type { TaskServiceServer } from "../gen/mesh/v1/task_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { leaderHandler } from "./leader-call.js";
import type { DeadLetters } from "./task-backend.js";

/** The calls of TaskService about dead letters, which the leader does. */
export function deadLetterCalls(
  deadLetters: DeadLetters,
  forwarder: Forwarder,
  log: EdgeLog,
): Pick<TaskServiceServer, "retryDeadLetters" | "dropDeadLetters"> {
  return {
    retryDeadLetters: leaderHandler(
      { forwarder, log },
      // A filter would take other tasks the second time.
      "other",
      ({ selection }) => deadLetters.retry(selection),
      (peer) => peer.tasks.retryDeadLetters.bind(peer.tasks),
    ),
    dropDeadLetters: leaderHandler(
      { forwarder, log },
      "other",
      ({ selection }) => deadLetters.drop(selection),
      (peer) => peer.tasks.dropDeadLetters.bind(peer.tasks),
    ),
  };
}
