// Calls about one thing refuse a request without its id: "there is no task" would not say what is
// missing.
import type { handleUnaryCall } from "@grpc/grpc-js";

import { QueueError } from "../queue/errors.js";
import { problemFrom, statusOf } from "./status.js";

/** The handler, for requests that have an id. */
export function ofNamed<Request extends { readonly id: string }, Response>(
  handler: handleUnaryCall<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    if (call.request.id !== "") {
      handler(call, callback);
      return;
    }
    const missing = new QueueError("invalid_field", "id is missing: say which", { field: "id" });
    callback(statusOf(problemFrom(missing)));
  };
}
