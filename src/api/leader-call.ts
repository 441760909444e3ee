// A unary call that only the leader can answer: done here where this node leads, else handed on.
import type { handleUnaryCall } from "@grpc/grpc-js";

import type { RepeatEffect } from "./call-outcome.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { type CallContext, unaryHandler } from "./unary-call.js";
import type { PeerStub } from "./unary-client.js";

/** What is the same for the calls of one service. */
export interface LeaderCallParts {
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

/**
 * Serves a call of the leader; errors are mapped by `statusFrom`.
 *
 * @param repeat what a second run after a lost answer would do
 */
export function leaderHandler<Request, Response>(
  { forwarder, log }: LeaderCallParts,
  repeat: RepeatEffect,
  local: (request: Request, context: CallContext) => Promise<Response>,
  stub: PeerStub<Request, Response>,
): handleUnaryCall<Request, Response> {
  return unaryHandler(
    (request, context) =>
      forwarder.run({ request, repeat, local: (own) => local(own, context), stub }, context),
    log,
  );
}
