// Brings what only the leader can do to the leader: does it here where this node leads, else calls
// the node that does, and tries again only where that cannot do the work twice.
import {
  type CallOptions,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";

import { QueueError } from "../queue/errors.js";
import { type ClientPool, isConnected, type PeerClients } from "./client-pool.js";
import { findLeader, type KnownLeader, leadershipChange, noLeader } from "./leader-locator.js";
import {
  DEFAULT_CALL_TIMEOUT_MS,
  DEFAULT_LEADER_WAIT_MS,
  FORWARDED_LEADER_WAIT_MS,
  MAX_FORWARD_HOPS,
  MAX_LEADER_CALLS,
  MAX_RESENDS,
  STALE_LEADER_WAIT_MS,
} from "./limits.js";
import { isServiceError, problemOf, queueErrorFrom } from "./status.js";
import type { LeadershipView } from "./task-backend.js";
import type { CallContext } from "./unary-call.js";

/** How many nodes handed the call on before; absent on a client's call. */
export const FORWARDED_METADATA_KEY = "taskmesh-forwarded";

const OVERLOADED_RETRY_AFTER_MS = 500;
const OUTCOME_UNKNOWN_RETRY_AFTER_MS = 500;

/** A unary method of a generated client, bound to it. */
export type UnaryStub<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/**
 * What a second run would do: "none" for a read, "same" where it ends in the same state and answer,
 * "other" where its answer differs, so that it is not sent again unless it surely was not done.
 */
export type RepeatEffect = "none" | "same" | "other";

export interface LeaderOperation<Request, Response> {
  readonly request: Request;
  /** The request where it may have arrived before; default: as the first time. */
  readonly again?: (request: Request) => Request;
  readonly repeat: RepeatEffect;
  readonly local: (request: Request) => Promise<Response>;
  readonly stub: (peer: PeerClients) => UnaryStub<Request, Response>;
}

export interface ForwarderOptions {
  readonly leadership: LeadershipView;
  readonly clients: ClientPool;
  /** How long a call waits for a leader unless its deadline is earlier; default 2 s. */
  readonly leaderWaitMs?: number;
}

/** How one try failed. */
type Failure =
  /** Surely not done: refused by a node that does not lead, or never sent. */
  | { readonly kind: "not-done"; readonly error: unknown }
  /** Done or not: the answer was lost. */
  | { readonly kind: "lost"; readonly error: unknown }
  | { readonly kind: "final"; readonly error: unknown };

type Try<Response> = { readonly kind: "done"; readonly response: Response } | Failure;

export class Forwarder {
  readonly #leadership: LeadershipView;
  readonly #clients: ClientPool;
  readonly #leaderWaitMs: number;
  #underWay = 0;

  constructor(options: ForwarderOptions) {
    this.#leadership = options.leadership;
    this.#clients = options.clients;
    this.#leaderWaitMs = options.leaderWaitMs ?? DEFAULT_LEADER_WAIT_MS;
  }

  /**
   * Does `operation` where the leader is. Throws what the leader refused it with; QueueError
   * "no_leader" where none was found and nothing was done; "outcome_unknown" where it may have been
   * done; "not_leader" to a node that handed it on to this one wrongly; "overloaded".
   */
  async run<Request, Response>(
    operation: LeaderOperation<Request, Response>,
    context: CallContext,
  ): Promise<Response> {
    if (this.#underWay >= MAX_LEADER_CALLS) {
      throw new QueueError("overloaded", "too many calls to the leader are under way", {
        retryAfterMs: OVERLOADED_RETRY_AFTER_MS,
      });
    }
    this.#underWay += 1;
    try {
      const hops = hopsOf(context.metadata);
      return hops === 0
        ? await this.#runPatiently(operation, context)
        : await this.#runOnce(operation, context, hops);
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * For a client's own call. What was surely not done is tried again until the time for finding a
   * leader is up; what may have been done a bounded number of times, each with that time anew.
   */
  async #runPatiently<Request, Response>(
    operation: LeaderOperation<Request, Response>,
    context: CallContext,
  ): Promise<Response> {
    const deadlineMs = deadlineOf(context);
    const searchEnd = (): number => Math.min(deadlineMs, Date.now() + this.#leaderWaitMs);
    let { request } = operation;
    let searchEndsAtMs = searchEnd();
    let lostAnswers = 0;
    const giveUp = (cause: unknown): QueueError =>
      lostAnswers > 0 ? lostAnswer(operation.repeat, cause) : noLeader(cause);
    for (;;) {
      const leader = await findLeader(
        this.#leadership,
        searchEndsAtMs - Date.now(),
        context.signal,
      ).catch((error: unknown) => {
        throw giveUp(error);
      });
      const tried = await this.#try(operation, request, leader, context, 0);
      switch (tried.kind) {
        case "done":
          return tried.response;
        case "final":
          throw tried.error;
        case "lost":
          lostAnswers += 1;
          if (operation.repeat === "other" || lostAnswers > MAX_RESENDS) throw giveUp(tried.error);
          request = operation.again?.(request) ?? request;
          searchEndsAtMs = searchEnd();
          break;
        case "not-done":
          break;
      }
      const leftMs = searchEndsAtMs - Date.now();
      if (leftMs <= 0 || context.signal.aborted) throw giveUp(tried.error);
      // The same leader would answer the same, unless it has only just been elected.
      if (!hasMoved(this.#leadership, leader)) {
        const waitMs = Math.min(leftMs, STALE_LEADER_WAIT_MS);
        await leadershipChange(this.#leadership, waitMs, context.signal);
      }
    }
  }

  /** For a call that another node handed on: that node tries again, this one does not. */
  async #runOnce<Request, Response>(
    operation: LeaderOperation<Request, Response>,
    context: CallContext,
    hops: number,
  ): Promise<Response> {
    // A node that has just been elected is told of calls before it can take them.
    const waitMs = Math.min(this.#leaderWaitMs, FORWARDED_LEADER_WAIT_MS);
    const leader = await findLeader(this.#leadership, waitMs, context.signal).catch(
      (error: unknown) => {
        throw notLeader(error);
      },
    );
    if (leader.kind === "other" && hops >= MAX_FORWARD_HOPS) throw notLeader();
    const tried = await this.#try(operation, operation.request, leader, context, hops);
    switch (tried.kind) {
      case "done":
        return tried.response;
      case "final":
        throw tried.error;
      case "lost":
        throw lostAnswer(operation.repeat, tried.error);
      case "not-done":
        throw notLeader(tried.error);
    }
  }

  async #try<Request, Response>(
    operation: LeaderOperation<Request, Response>,
    request: Request,
    leader: KnownLeader,
    context: CallContext,
    hops: number,
  ): Promise<Try<Response>> {
    try {
      if (leader.kind === "self") {
        return { kind: "done", response: await operation.local(request) };
      }
      const deadlineMs = deadlineOf(context);
      const peer = this.#clients.at(leader.address);
      if (!(await this.#isConnected(peer, leader, deadlineMs))) {
        return { kind: "not-done", error: new Error(`no connection to ${leader.address}`) };
      }
      const response = await this.#call(operation, request, leader, peer, {
        signal: context.signal,
        deadlineMs,
        hops: hops + 1,
      });
      return { kind: "done", response };
    } catch (error) {
      return failureOf(error);
    }
  }

  #call<Request, Response>(
    operation: LeaderOperation<Request, Response>,
    request: Request,
    leader: KnownLeader,
    peer: PeerClients,
    bounds: { readonly signal: AbortSignal; readonly deadlineMs: number; readonly hops: number },
  ): Promise<Response> {
    const metadata = new Metadata();
    metadata.set(FORWARDED_METADATA_KEY, String(bounds.hops));
    return new Promise<Response>((resolve, reject) => {
      const call = operation.stub(peer)(
        request,
        metadata,
        { deadline: bounds.deadlineMs },
        (error, response) => {
          unsubscribe();
          bounds.signal.removeEventListener("abort", cancel);
          if (error === null) resolve(response);
          else reject(error);
        },
      );
      const cancel = (): void => {
        call.cancel();
      };
      // A leader that stands still answers nothing until the deadline: the new one can be asked.
      const unsubscribe = this.#leadership.onChange(() => {
        const known = this.#leadership.leadership().kind !== "unknown";
        if (known && operation.repeat !== "other" && hasMoved(this.#leadership, leader)) cancel();
      });
      bounds.signal.addEventListener("abort", cancel);
      if (bounds.signal.aborted) cancel();
    });
  }

  /** As `isConnected`, but false as soon as another leader is known. */
  async #isConnected(peer: PeerClients, leader: KnownLeader, deadlineMs: number): Promise<boolean> {
    const connectByMs = Math.min(deadlineMs, Date.now() + this.#leaderWaitMs);
    return new Promise((resolve, reject) => {
      const unsubscribe = this.#leadership.onChange(() => {
        if (hasMoved(this.#leadership, leader)) done(false);
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

/** Context of a call that nobody hangs up on, such as one made for several callers. */
export function detachedContext(deadlineMs: number): CallContext {
  return { signal: new AbortController().signal, deadlineMs, metadata: new Metadata() };
}

/** How many nodes handed the call on before it came here. */
export function hopsOf(metadata: Metadata): number {
  const [value] = metadata.get(FORWARDED_METADATA_KEY);
  if (value === undefined) return 0;
  const hops = Number(value);
  return Number.isInteger(hops) && hops > 0 ? hops : MAX_FORWARD_HOPS;
}

function deadlineOf(context: CallContext): number {
  return Number.isFinite(context.deadlineMs)
    ? context.deadlineMs
    : Date.now() + DEFAULT_CALL_TIMEOUT_MS;
}

/** True where another leader than `leader` is known, or none. */
function hasMoved(view: LeadershipView, leader: KnownLeader): boolean {
  const now = view.leadership();
  if (now.kind !== leader.kind) return true;
  return now.kind === "other" && leader.kind === "other" && now.id !== leader.id;
}

function failureOf(error: unknown): Failure {
  if (error instanceof QueueError) return refusalOf(error);
  if (!isServiceError(error)) return { kind: "final", error };
  const problem = problemOf(error);
  if (problem !== undefined) {
    const refusal = queueErrorFrom(problem);
    return refusal === undefined ? { kind: "final", error } : refusalOf(refusal);
  }
  switch (error.code) {
    // What gRPC itself says when the answer did not come.
    case status.UNAVAILABLE:
    case status.CANCELLED:
    case status.DEADLINE_EXCEEDED:
    case status.UNKNOWN:
    case status.INTERNAL:
      return { kind: "lost", error };
    default:
      return { kind: "final", error };
  }
}

function refusalOf(error: QueueError): Failure {
  if (error.code === "not_leader") return { kind: "not-done", error };
  if (error.code === "outcome_unknown") return { kind: "lost", error };
  return { kind: "final", error };
}

function lostAnswer(repeat: RepeatEffect, cause: unknown): QueueError {
  if (repeat === "none") return noLeader(cause);
  return new QueueError("outcome_unknown", "the leader's answer was lost", {
    retryAfterMs: OUTCOME_UNKNOWN_RETRY_AFTER_MS,
    cause,
  });
}

function notLeader(cause?: unknown): QueueError {
  return new QueueError("not_leader", "this node does not lead", { cause });
}
