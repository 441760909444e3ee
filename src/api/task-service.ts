// mesh.v1.TaskService: what only the leader can do goes through the forwarder, reads are done here.
import { once } from "node:events";

import { type handleServerStreamingCall, Metadata, type ServerWritableStream } from "@grpc/grpc-js";

import type {
  TaskServiceServer,
  WatchTasksRequest,
  WatchTasksResponse,
} from "../gen/mesh/v1/task_service.js";
import { QueueError } from "../queue/errors.js";
import { deadLetterCalls } from "./dead-letter-calls.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { WATCH_STALL_MS } from "./limits.js";
import { statusFrom } from "./status.js";
import { Submissions } from "./submissions.js";
import type { LeaderTaskOperations, TaskReads } from "./task-backend.js";
import { contextOf, unaryHandler } from "./unary-call.js";

export interface TaskServiceOptions {
  readonly operations: LeaderTaskOperations;
  readonly reads: TaskReads;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
  /** Items of one SubmitTasks; default 10,000. */
  readonly maxSubmitItems?: number;
}

export function createTaskService(options: TaskServiceOptions): TaskServiceServer {
  const { operations, reads, forwarder, log } = options;
  const submissions = new Submissions(operations, forwarder, options.maxSubmitItems);
  return {
    submitTask: unaryHandler((request, context) => submissions.one(request, context), log),
    submitTasks: unaryHandler(
      async (request, context) => ({ results: await submissions.many(request, context) }),
      log,
    ),
    getTask: unaryHandler(
      async (request, { signal }) => ({ task: await reads.get(request, signal) }),
      log,
    ),
    listTasks: unaryHandler((request) => reads.list(request), log),
    cancelTask: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "other",
            local: async (own) => ({ task: await operations.cancel(own) }),
            stub: (peer) => peer.tasks.cancelTask.bind(peer.tasks),
          },
          context,
        ),
      log,
    ),
    retryTask: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "other",
            local: async (own) => ({ task: await operations.retry(own) }),
            stub: (peer) => peer.tasks.retryTask.bind(peer.tasks),
          },
          context,
        ),
      log,
    ),
    ...deadLetterCalls(operations.deadLetters, forwarder, log),
    watchTasks: watchHandler(reads, log),
  };
}

function watchHandler(
  reads: TaskReads,
  log: EdgeLog,
): handleServerStreamingCall<WatchTasksRequest, WatchTasksResponse> {
  return (call) => {
    const { signal } = contextOf(call);
    const watch = async (): Promise<void> => {
      for await (const change of reads.watch(call.request, signal)) {
        if (signal.aborted) return;
        // Whoever does not read holds up its own watch, which takes no more from its source.
        if (!call.write(change)) await drained(call, signal);
      }
    };
    // So that a client knows at once that it is served.
    call.sendMetadata(new Metadata());
    watch().then(
      () => {
        call.end();
      },
      (error: unknown) => {
        if (signal.aborted) return;
        call.emit("error", statusFrom(error, log, call.getPath()));
      },
    );
  };
}

async function drained(
  call: ServerWritableStream<WatchTasksRequest, WatchTasksResponse>,
  signal: AbortSignal,
): Promise<void> {
  const stalled = AbortSignal.timeout(WATCH_STALL_MS);
  try {
    await once(call, "drain", { signal: AbortSignal.any([signal, stalled]) });
  } catch (error) {
    if (!stalled.aborted) throw error;
    throw new QueueError("overloaded", `the watcher read nothing for ${WATCH_STALL_MS} ms`);
  }
}
