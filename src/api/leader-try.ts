// One try of what only the leader can do: here where this node leads, else by a call to the node that
// does, which is given up as soon as another leader is known that can be asked instead.
import { Metadata } from "@grpc/grpc-js";

import { type CallOutcome, failureOf, type RepeatEffect } from "./call-outcome.js";
import { type ClientPool, isConnected, type PeerClients } from "./client-pool.js";
import { hasMoved, type KnownLeader } from "./leader-locator.js";
import { DEFAULT_CALL_TIMEOUT_MS, MAX_FORWARD_HOPS } from "./limits.js";
import type { LeadershipView } from "./task-backend.js";
import type { CallContext } from "./unary-call.js";
import { type Answer, callUnary, type PeerStub } from "./unary-client.js";

/** How many nodes handed the call on before; absent on a client's call. */
export const FORWARDED_METADATA_KEY = "taskmesh-forwarded";

export interface LeaderOperation<Request, Response> {
  readonly request: Request;
  /** The request where it may have arrived before; default: as the first time. */
  readonly again?: (request: Request) => Request;
  readonly repeat: RepeatEffect;
  readonly local: (request: Request) => Promise<Response>;
  readonly stub: PeerStub<Request, Response>;
}

export interface LeaderTriesOptions {
  readonly leadership: LeadershipView;
  readonly clients: ClientPool;
  /** How long a connection to the leader is waited for. */
  readonly connectMs: number;
}

export class LeaderTries {
  readonly #options: LeaderTriesOptions;

  constructor(options: LeaderTriesOptions) {
    this.#options = options;
  }

  /** Never rejects. @param hops how many nodes handed the call on before it came here */
  async run<Request, Response>(
    operation: LeaderOperation<Request, Response>,
    request: Request,
    leader: KnownLeader,
    context: CallContext,
    hops: number,
  ): Promise<CallOutcome<Response>> {
    try {
      if (leader.kind === "self") {
        return { kind: "answered", response: await operation.local(request) };
      }
      const deadlineMs = deadlineOf(context);
      const peer = this.#options.clients.at(leader.address);
      if (!(await this.#isConnected(peer, leader, deadlineMs))) {
        const error = new Error(`no connection to ${leader.address}`);
        return { kind: "not-done", problem: undefined, error };
      }
      const metadata = new Metadata();
      metadata.set(FORWARDED_METADATA_KEY, String(hops + 1));
      const bounds = { deadlineMs, metadata, signal: context.signal };
      const answer = await this.#call(operation, request, leader, peer, bounds);
      if (answer.error === null) return { kind: "answered", response: answer.response };
      return failureOf(answer.error);
    } catch (error) {
      return failureOf(error);
    }
  }

  async #call<Request, Response>(
    { stub }: LeaderOperation<Request, Response>,
    request: Request,
    leader: KnownLeader,
    peer: PeerClients,
    bounds: CallContext,
  ): Promise<Answer<Response>> {
    const { leadership } = this.#options;
    const ended = new AbortController();
    const end = (): void => {
      ended.abort();
    };
    // A leader that stands still answers nothing until the deadline: the new one can be asked.
    const unsubscribe = leadership.onChange(() => {
      const known = leadership.leadership().kind !== "unknown";
      if (known && hasMoved(leadership, leader)) end();
    });
    bounds.signal.addEventListener("abort", end);
    if (bounds.signal.aborted) end();
    try {
      return await callUnary(stub(peer), request, { ...bounds, signal: ended.signal });
    } finally {
      unsubscribe();
      bounds.signal.removeEventListener("abort", end);
    }
  }

  /** As `isConnected`, but false as soon as another leader is known. */
  async #isConnected(peer: PeerClients, leader: KnownLeader, deadlineMs: number): Promise<boolean> {
    const { leadership, connectMs } = this.#options;
    const connectByMs = Math.min(deadlineMs, Date.now() + connectMs);
    return new Promise((resolve, reject) => {
      const unsubscribe = leadership.onChange(() => {
        if (hasMoved(leadership, leader)) done(false);
      });
      const done = (connected: boolean): void => {
        unsubscribe();
        resolve(connected);
      };
      isConnected(peer, connectByMs).then(done, (error: unknown) => {
        unsubscribe();
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }
}

/** How many nodes handed the call on before it came here. */
export function hopsOf(metadata: Metadata): number {
  const [value] = metadata.get(FORWARDED_METADATA_KEY);
  if (value === undefined) return 0;
  const hops = Number(value);
  return Number.isInteger(hops) && hops > 0 ? hops : MAX_FORWARD_HOPS;
}

/** Milliseconds since the epoch, of a call that sets no deadline as well. */
export function deadlineOf(context: CallContext): number {
  return Number.isFinite(context.deadlineMs)
    ? context.deadlineMs
    : Date.now() + DEFAULT_CALL_TIMEOUT_MS;
}
