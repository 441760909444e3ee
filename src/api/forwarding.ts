// Brings what only the leader can do to the leader: does it here where this node leads, else calls
// the node that does, and tries again only where that cannot do the work twice.
import { Metadata } from "@grpc/grpc-js";

import { QueueError } from "../queue/errors.js";
import { type CallFailure, isOfTheMoment, type RepeatEffect } from "./call-outcome.js";
import type { ClientPool } from "./client-pool.js";
import { findLeader, hasMoved, leadershipChange, noLeader } from "./leader-locator.js";
import { deadlineOf, hopsOf, type LeaderOperation, LeaderTries } from "./leader-try.js";
import {
  DEFAULT_LEADER_WAIT_MS,
  FORWARDED_LEADER_WAIT_MS,
  MAX_FORWARD_HOPS,
  MAX_LEADER_CALLS,
  MAX_RESENDS,
  STALE_LEADER_WAIT_MS,
} from "./limits.js";
import { queueErrorFrom } from "./status.js";
import type { LeadershipView } from "./task-backend.js";
import type { CallContext } from "./unary-call.js";

const OVERLOADED_RETRY_AFTER_MS = 500;
const OUTCOME_UNKNOWN_RETRY_AFTER_MS = 500;

export interface ForwarderOptions {
  readonly leadership: LeadershipView;
  readonly clients: ClientPool;
  /** How long a call waits for a leader unless its deadline is earlier; default 2 s. */
  readonly leaderWaitMs?: number;
  /** Log time as this node knows it, milliseconds since the epoch; default: its clock. */
  readonly now?: () => number;
}

export class Forwarder {
  readonly #leadership: LeadershipView;
  readonly #tries: LeaderTries;
  readonly #leaderWaitMs: number;
  /** Log time as this node knows it, milliseconds since the epoch. */
  readonly now: () => number;
  #underWay = 0;

  constructor(options: ForwarderOptions) {
    this.now = options.now ?? Date.now;
    this.#leadership = options.leadership;
    this.#leaderWaitMs = options.leaderWaitMs ?? DEFAULT_LEADER_WAIT_MS;
    this.#tries = new LeaderTries({ ...options, connectMs: this.#leaderWaitMs });
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
      const tried = await this.#tries.run(operation, request, leader, context, 0);
      switch (tried.kind) {
        case "answered":
          return tried.response;
        case "refused":
          if (lostAnswers > 0 && isOfTheMoment(tried.problem)) throw giveUp(tried.error);
          throw refusal(tried);
        case "lost":
          lostAnswers += 1;
          if (lostAnswers > MAX_RESENDS) throw giveUp(tried.error);
          request = operation.again?.(request) ?? request;
          searchEndsAtMs = searchEnd();
          break;
        case "not-done":
          // Who was asked has waited for a leader itself.
          if (tried.problem?.code === "no_leader") {
            throw lostAnswers > 0 ? giveUp(tried.error) : refusal(tried);
          }
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
    const tried = await this.#tries.run(operation, operation.request, leader, context, hops);
    switch (tried.kind) {
      case "answered":
        return tried.response;
      case "refused":
        throw refusal(tried);
      case "lost":
        throw lostAnswer(operation.repeat, tried.error);
      case "not-done":
        throw tried.problem?.code === "no_leader" ? refusal(tried) : notLeader(tried.error);
    }
  }
}

/** Context of a call that nobody hangs up on, such as one made for several callers. */
export function detachedContext(deadlineMs: number): CallContext {
  return { signal: new AbortController().signal, deadlineMs, metadata: new Metadata() };
}

/** What the node refused it with, as the error that it was. */
function refusal({ problem, error }: Extract<CallFailure, { readonly problem: unknown }>): unknown {
  if (error instanceof QueueError || problem === undefined) return error;
  return queueErrorFrom(problem) ?? error;
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
