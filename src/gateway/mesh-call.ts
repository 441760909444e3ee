// One try of one gRPC call, and what its failure means for the next.
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type ClientPool, isConnected, type PeerClients } from "../api/client-pool.js";
import type { UnaryStub } from "../api/forwarding.js";
import { problemOf } from "../api/status.js";
import type { Problem } from "../gen/mesh/v1/task_service.js";
import { CONNECT_MS } from "./limits.js";

export type Stub<Request, Response> = (peer: PeerClients) => UnaryStub<Request, Response>;

export type TryOutcome<Response> =
  | { readonly kind: "answered"; readonly response: Response }
  /** Surely not done: the node does not lead, or was not reached. */
  | { readonly kind: "not-done"; readonly problem: Problem | undefined; readonly error: unknown }
  /** Done or not: the answer did not come. */
  | { readonly kind: "lost"; readonly error: unknown }
  | { readonly kind: "refused"; readonly problem: Problem; readonly error: unknown };

/** Sends one request to one node. Rejects only with the reason of `signal` once it is aborted. */
export async function tryOnce<Request, Response>(
  pool: ClientPool,
  address: string,
  stub: Stub<Request, Response>,
  request: Request,
  bounds: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<TryOutcome<Response>> {
  const { signal, timeoutMs } = bounds;
  const peer = pool.at(address);
  if (!(await isConnected(peer, Date.now() + Math.min(CONNECT_MS, timeoutMs)))) {
    signal?.throwIfAborted();
    const error = new Error(`no connection to ${address}`);
    return { kind: "not-done", problem: undefined, error };
  }
  signal?.throwIfAborted();
  const answer = await send(stub(peer), request, Date.now() + timeoutMs, signal);
  if (answer.error === null) return { kind: "answered", response: answer.response };
  signal?.throwIfAborted();
  return failureOf(answer.error);
}

type Answer<Response> =
  { readonly error: null; readonly response: Response } | { readonly error: ServiceError };

function send<Request, Response>(
  stub: UnaryStub<Request, Response>,
  request: Request,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<Answer<Response>> {
  return new Promise((resolve) => {
    const call = stub(request, new Metadata(), { deadline }, (error, response) => {
      signal?.removeEventListener("abort", cancel);
      resolve(error === null ? { error, response } : { error });
    });
    const cancel = (): void => {
      call.cancel();
    };
    signal?.addEventListener("abort", cancel, { once: true });
  });
}

function failureOf(error: ServiceError): Exclude<TryOutcome<never>, { kind: "answered" }> {
  const problem = problemOf(error);
  if (problem !== undefined) {
    switch (problem.code) {
      case "not_leader":
      case "no_leader":
        return { kind: "not-done", problem, error };
      case "outcome_unknown":
        return { kind: "lost", error };
      default:
        return { kind: "refused", problem, error };
    }
  }
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
    case status.ABORTED:
    case status.UNKNOWN:
    case status.INTERNAL:
      return { kind: "lost", error };
    default:
      return { kind: "refused", problem: unexpected(error), error };
  }
}

/** A status that no node of this version sends: its text is for the log, not for the client. */
function unexpected(error: ServiceError): Problem {
  const message = `the node answered with gRPC status ${status[error.code]}`;
  return { code: "internal", message, field: "", httpStatus: 500, retryAfterMs: 0 };
}
