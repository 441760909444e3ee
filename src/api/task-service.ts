// mesh.v1.TaskService: what only the leader can do goes through the forwarder, reads are done here.
import { type TaskServiceServer, TaskServiceService } from "../gen/mesh/v1/task_service.js";
import { deadLetterCalls } from "./dead-letter-calls.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { changeHandler, leaderHandler } from "./leader-call.js";
import { serializedOnce } from "./once-per-object.js";
import { streamHandler } from "./stream-call.js";
import { SubmissionForwarder } from "./submission-forwarder.js";
import type { LeaderTaskOperations, TaskReads } from "./task-backend.js";
import { ofNamed } from "./named-requests.js";
import { unaryHandler } from "./unary-call.js";

/** As in the .proto file; watches share the messages that they are sent, and their bytes. */
export const taskServiceDefinition = {
  ...TaskServiceService,
  watchTasks: serializedOnce(TaskServiceService.watchTasks),
} as const;

export interface TaskServiceOptions {
  readonly operations: LeaderTaskOperations;
  readonly reads: TaskReads;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
  /** Items of one SubmitTasks; default 10,000. */
  readonly maxSubmitItems?: number;
}

/**
 * mesh.v1.TaskService: reads are answered by this node, changes by the leader, submissions joined
 * on their way to it.
 */
export function createTaskService(options: TaskServiceOptions): TaskServiceServer {
  const { operations, reads, forwarder, log } = options;
  const submissions = new SubmissionForwarder(operations, forwarder, options.maxSubmitItems);
  return {
    submitTask: unaryHandler((request, context) => submissions.one(request, context), log),
    submitTasks: unaryHandler(
      async (request, context) => ({ results: await submissions.many(request, context) }),
      log,
    ),
    getTask: ofNamed(
      unaryHandler(
        async (request, { signal }) => ({ task: await reads.get(request, signal) }),
        log,
      ),
    ),
    listTasks: unaryHandler((request) => reads.list(request), log),
    listTaskLogs: ofNamed(unaryHandler((request) => reads.logs(request), log)),
    cancelTask: ofNamed(
      changeHandler(
        options,
        async (own) => ({ task: await operations.cancel(own) }),
        (peer) => peer.tasks.cancelTask.bind(peer.tasks),
      ),
    ),
    retryTask: ofNamed(
      changeHandler(
        options,
        async (own) => ({ task: await operations.retry(own) }),
        (peer) => peer.tasks.retryTask.bind(peer.tasks),
      ),
    ),
    whyTask: ofNamed(
      leaderHandler(
        options,
        (own, { signal }) => operations.why(own, signal),
        (peer) => peer.tasks.whyTask.bind(peer.tasks),
      ),
    ),
    ...deadLetterCalls(operations.deadLetters, forwarder, log),
    watchTasks: streamHandler((request, signal) => reads.watch(request, signal), log),
  };
}
