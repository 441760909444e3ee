// The calls of mesh.v1.TaskService that concern dead tasks as a whole.
import type { TaskServiceServer } from "../gen/mesh/v1/task_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import type { DeadLetters } from "./task-backend.js";
import { unaryHandler } from "./unary-call.js";

export function deadLetterCalls(
  deadLetters: DeadLetters,
  forwarder: Forwarder,
  log: EdgeLog,
): Pick<TaskServiceServer, "retryDeadLetters" | "dropDeadLetters"> {
  return {
    retryDeadLetters: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            // A filter would take other tasks the second time.
            repeat: "other",
            local: ({ selection }) => deadLetters.retry(selection),
            stub: (peer) => peer.tasks.retryDeadLetters.bind(peer.tasks),
          },
          context,
        ),
      log,
    ),
    dropDeadLetters: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "other",
            local: ({ selection }) => deadLetters.drop(selection),
            stub: (peer) => peer.tasks.dropDeadLetters.bind(peer.tasks),
          },
          context,
        ),
      log,
    ),
  };
}
