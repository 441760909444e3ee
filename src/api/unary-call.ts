// Turns an async function into a unary gRPC handler: the caller's deadline and its hanging up become
// an AbortSignal, what is thrown becomes a status, and a call is answered at most once.
import type { handleUnaryCall, Metadata, ServerUnaryCall } from "@grpc/grpc-js";

import type { EdgeLog } from "./edge-log.js";
import { statusFrom } from "./status.js";

/** What a service method may know of its call besides the request. */
export interface CallContext {
  /** Aborted where the caller hung up or its deadline passed. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds; Infinity where the caller set none. */
  readonly deadlineMs: number;
  readonly metadata: Metadata;
}

/** What every kind of server call has. */
export type AnyServerCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  "cancelled" | "metadata" | "getDeadline" | "getPath"
> & { once(event: "cancelled", listener: () => void): unknown };

export type UnaryMethod<Request, Response> = (
  request: Request,
  context: CallContext,
) => Promise<Response>;

/** Serves `method`; errors are mapped by `statusFrom`. */
export function unaryHandler<Request, Response>(
  method: UnaryMethod<Request, Response>,
  log: EdgeLog,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const context = contextOf(call);
    // What a method throws before its first promise is a refusal, too.
    const answer = async (): Promise<Response> => method(call.request, context);
    answer().then(
      (response) => {
        if (!call.cancelled) callback(null, response);
      },
      (error: unknown) => {
        // The caller is gone and hears no answer, and an operation that ended because its signal
        // was aborted is no failure of the node.
        if (call.cancelled)
          log.debug({ err: error, method: call.getPath() }, "a call was given up");
        else callback(statusFrom(error, log, call.getPath()));
      },
    );
  };
}

/** The signal and the bounds of a call; `call` is any call of a server. */
export function contextOf(call: AnyServerCall): CallContext {
  const controller = new AbortController();
  // Fires for a deadline as well, and after every end of the call.
  call.once("cancelled", () => {
    controller.abort();
  });
  if (call.cancelled) controller.abort();
  const deadline = call.getDeadline();
  return {
    signal: controller.signal,
    deadlineMs: typeof deadline === "number" ? deadline : deadline.getTime(),
    metadata: call.metadata,
  };
}
