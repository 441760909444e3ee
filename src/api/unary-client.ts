// The one way in which a unary call to a node is made: by the gateway, by other nodes, by the CLI.
import { type CallOptions, type ClientUnaryCall, Metadata, type ServiceError } from "@grpc/grpc-js";

import { type CallOutcome, failureOf } from "./call-outcome.js";
import { isConnected, type PeerClients } from "./client-pool.js";

/** A unary method of a generated client, bound to it. */
export type UnaryStub<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => Pick<ClientUnaryCall, "cancel">;

/** A unary method of one of a node's services. */
export type PeerStub<Request, Response> = (peer: PeerClients) => UnaryStub<Request, Response>;

export type Answer<Response> =
  { readonly error: null; readonly response: Response } | { readonly error: ServiceError };

export interface CallBounds {
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** Cancels the call when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  readonly metadata?: Metadata;
}

/** Sends one request. Never rejects: a call that fails, or is cancelled, answers with its status. */
export function callUnary<Request, Response>(
  stub: UnaryStub<Request, Response>,
  request: Request,
  { deadlineMs, signal, metadata = new Metadata() }: CallBounds,
): Promise<Answer<Response>> {
  return new Promise((resolve) => {
    const call = stub(request, metadata, { deadline: deadlineMs }, (error, response) => {
      signal?.removeEventListener("abort", cancel);
      resolve(error === null ? { error, response } : { error });
    });
    const cancel = (): void => {
      call.cancel();
    };
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted === true) cancel();
  });
}

export interface TryBounds {
  /** How long a connection is waited for, within `timeoutMs`. */
  readonly connectMs: number;
  /** How long the answer is waited for once there is a connection. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one request to the node at `address` once it is connected, so that a node which is out of reach
 * is known not to have done it. Rejects only with the reason of `signal` once it is aborted.
 */
export async function tryPeer<Request, Response>(
  { peer, address }: { readonly peer: PeerClients; readonly address: string },
  stub: PeerStub<Request, Response>,
  request: Request,
  { connectMs, timeoutMs, signal }: TryBounds,
): Promise<CallOutcome<Response>> {
  const connected = await isConnected(peer, Date.now() + Math.min(connectMs, timeoutMs));
  signal?.throwIfAborted();
  if (!connected) {
    const error = new Error(`no connection to ${address}`);
    return { kind: "not-done", problem: undefined, error };
  }
  const bounds = { deadlineMs: Date.now() + timeoutMs, signal };
  const answer = await callUnary(stub(peer), request, bounds);
  if (answer.error === null) return { kind: "answered", response: answer.response };
  signal?.throwIfAborted();
  return failureOf(answer.error);
}
