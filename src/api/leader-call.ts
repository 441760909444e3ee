// A unary call that only the leader can answer: done here where this node leads, else handed on.
import type { handleUnaryCall } from "@grpc/grpc-js";

import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import type { Operation } from "../gen/mesh/v1/operation.js";
import { identified } from "./operation-id.js";
import { type CallContext, unaryHandler } from "./unary-call.js";
import type { PeerStub } from "./unary-client.js";

/** What is the same for the calls of one service. */
export interface LeaderCallParts {
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

/**
 * Serves a call of the leader that changes something: it has an identity from here on, so that it can be
 * sent again. Errors are mapped by `statusFrom`.
 */
export function changeHandler<
  Request extends { readonly operation?: Operation | undefined },
  Response,
>(
  { forwarder, log }: LeaderCallParts,
  local: (request: Request) => Promise<Response>,
  stub: PeerStub<Request, Response>,
): handleUnaryCall<Request, Response> {
  return unaryHandler(
    (request, context) =>
      forwarder.run(
        { request: identified(request, forwarder.now()), repeat: "same", local, stub },
        context,
      ),
    log,
  );
}

/** Serves a call of the leader that reads; errors are mapped by `statusFrom`. */
export function leaderHandler<Request, Response>(
  { forwarder, log }: LeaderCallParts,
  local: (request: Request, context: CallContext) => Promise<Response>,
  stub: PeerStub<Request, Response>,
): handleUnaryCall<Request, Response> {
  return unaryHandler(
    (request, context) =>
      forwarder.run(
        { request, repeat: "none", local: (own) => local(own, context), stub },
        context,
      ),
    log,
  );
}
