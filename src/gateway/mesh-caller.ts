// Gets a call answered: picks the node, fails over to another, tries again within a bound, and tells
// a call that surely was not done from one whose answer was lost.
import pRetry from "p-retry";
import type { ClientPool } from "../api/client-pool.js";
import { type CallFailure, isOfTheMoment, type RepeatEffect } from "../api/call-outcome.js";
import { type PeerStub, tryPeer } from "../api/unary-client.js";
import type { Operation } from "../gen/mesh/v1/operation.js";
import type { Problem } from "../gen/mesh/v1/task_service.js";
import type { LeaderTracker } from "./leader-tracker.js";
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS, CALL_TRY_MS, CONNECT_MS, MAX_TRY_MS } from "./limits.js";
import { MeshRefusal, unavailable } from "./mesh-refusal.js";
import type { Peers } from "./peers.js";

export interface MeshOperation<Request, Response> {
  readonly stub: PeerStub<Request, Response>;
  /** @param sentBefore whether an earlier try reached a node */
  readonly request: (sentBefore: boolean) => Request;
  /** Who may answer; default: the leader. */
  readonly target?: "leader" | "any";
  readonly repeat: RepeatEffect;
  /** Deadline of the first try; doubled with each further one. Default: `CALL_TRY_MS`. */
  readonly tryMs?: number;
  /** How long new tries are begun; default: as the caller was told. */
  readonly retryForMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A try failed in a way that another try may not. */
class TryFailed extends Error {
  override readonly name = "TryFailed";
  constructor(readonly outcome: CallFailure | undefined) {
    super("no node answered", { cause: outcome?.error });
  }
}

export class MeshCaller {
  readonly #pool: ClientPool;
  readonly #peers: Peers;
  readonly #leaders: LeaderTracker;
  readonly #retryForMs: number;
  /** How far log time is ahead of this process's clock, where a refusal has told. */
  #logTimeAheadMs = 0;
  constructor(
    pool: ClientPool,
    peers: Peers,
    leaders: LeaderTracker,
    /** How long a call looks for a node that can answer it, where it says nothing else. */
    retryForMs: number,
  ) {
    this.#pool = pool;
    this.#peers = peers;
    this.#leaders = leaders;
    this.#retryForMs = retryForMs;
  }

  /**
   * A call that changes something. Its expiry is by this process's clock, and log time is made of it: how
   * far that is away is learned from the first refusal that tells it, and the call is then sent anew. It
   * was refused by its expiry alone, so that nothing of it was done.
   * @throws MeshRefusal as `call` does
   */
  async change<
    Request extends { readonly operation?: Operation | undefined },
    Response,
  >(operation: {
    readonly stub: PeerStub<Request, Response>;
    readonly request: Request;
    readonly tryMs?: number;
  }): Promise<Response> {
    const { request, ...rest } = operation;
    return this.inLogTime((logTimeOf) => {
      const { operation: own } = request;
      const stamped = own === undefined ? own : { ...own, expiresAtMs: logTimeOf(own.expiresAtMs) };
      const dated = { ...request, operation: stamped };
      return this.call({ ...rest, request: () => dated, repeat: "same" });
    });
  }

  /**
   * Sends what has an expiry; once more where it is refused for that.
   * @param send is handed what makes log time of a time of this process's clock
   */
  async inLogTime<T>(send: (logTimeOf: (ownMs: number) => number) => Promise<T>): Promise<T> {
    const logTimeOf = (ownMs: number): number => ownMs + this.#logTimeAheadMs;
    try {
      return await send(logTimeOf);
    } catch (error) {
      const logTimeMs = error instanceof MeshRefusal ? error.problem.logTimeMs : 0;
      if (logTimeMs === 0) throw error;
      this.#logTimeAheadMs = logTimeMs - Date.now();
      return send(logTimeOf);
    }
  }

  /**
   * @throws MeshRefusal with the node's Problem, or "no_node", "no_leader" or "outcome_unknown"
   * where the time ran out; the reason of the signal where it is aborted
   */
  async call<Request, Response>(operation: MeshOperation<Request, Response>): Promise<Response> {
    const { repeat, tryMs = CALL_TRY_MS, retryForMs = this.#retryForMs } = operation;
    const attempts = new Attempts({ repeat, tryMs, retryForMs });
    try {
      // The first try is made outside: a call that succeeds pays nothing for the retries.
      return await this.#attempt(operation, attempts);
    } catch (error) {
      if (!attempts.mayGoOn(error)) throw attempts.refusal(error);
    }
    try {
      return await pRetry(() => this.#attempt(operation, attempts), {
        retries: Infinity,
        minTimeout: BACKOFF_MIN_MS,
        maxTimeout: BACKOFF_MAX_MS,
        factor: 2,
        randomize: true,
        maxRetryTime: retryForMs,
        shouldRetry: ({ error }) => attempts.mayGoOn(error),
        ...(operation.signal === undefined ? {} : { signal: operation.signal }),
      });
    } catch (error) {
      throw attempts.refusal(error);
    }
  }

  async #attempt<Request, Response>(
    operation: MeshOperation<Request, Response>,
    attempts: Attempts,
  ): Promise<Response> {
    const { target = "leader", signal } = operation;
    if (this.#leaders.leader === undefined && (target === "leader" || attempts.number > 0)) {
      await this.#leaders.look();
    }
    attempts.number += 1;
    let last: CallFailure | undefined;
    for (const address of this.#candidates(target)) {
      const bounds = { connectMs: CONNECT_MS, timeoutMs: attempts.tryMs(), signal };
      const request = operation.request(attempts.sentBefore);
      const node = { peer: this.#pool.at(address), address };
      const outcome = await tryPeer(node, operation.stub, request, bounds);
      if (outcome.kind === "answered") return outcome.response;
      if (outcome.kind === "refused") throw attempts.refusedWith(outcome.problem, outcome.error);
      last = outcome;
      if (outcome.kind === "lost") attempts.mayBeDone = true;
      this.#leaders.doubt(address);
      this.#peers.avoid(address);
      // A node that was not reached, or is none of the mesh's, costs nothing: on to the next. What was
      // lost, or refused for want of a leader, is tried again after a pause, with a new look for it.
      if (isElsewhere(outcome)) continue;
      attempts.sentBefore = true;
      break;
    }
    throw new TryFailed(last);
  }

  #candidates(target: "leader" | "any"): ReadonlySet<string> {
    const { leader } = this.#leaders;
    const first = target === "leader" ? leader : this.#peers.forReads(leader);
    const others = this.#peers.inTurn();
    return new Set(first === undefined ? others : [first, ...others]);
  }
}

function isElsewhere(outcome: CallFailure): boolean {
  if (outcome.kind !== "not-done") return false;
  return outcome.problem === undefined || outcome.problem.code === "wrong_node";
}

/** The tries of one call. */
class Attempts {
  readonly #operation: Required<
    Pick<MeshOperation<unknown, unknown>, "repeat" | "tryMs" | "retryForMs">
  >;
  number = 0;
  sentBefore = false;
  /** An answer was lost. Implies sentBefore. */
  mayBeDone = false;
  readonly #endsAtMs: number;

  constructor(
    operation: Required<Pick<MeshOperation<unknown, unknown>, "repeat" | "tryMs" | "retryForMs">>,
  ) {
    this.#operation = operation;
    this.#endsAtMs = performance.now() + operation.retryForMs;
  }

  /** Longer from try to try, so that a leader that is slow rather than dead is waited for. */
  tryMs(): number {
    const { tryMs } = this.#operation;
    const leftMs = this.#endsAtMs - performance.now();
    const grownMs = tryMs * 2 ** (this.number - 1);
    return Math.max(tryMs, Math.min(grownMs, leftMs, MAX_TRY_MS));
  }

  mayGoOn(error: unknown): boolean {
    return error instanceof TryFailed && this.#operation.retryForMs > 0;
  }

  /** What the caller is told where a node refuses it. */
  refusedWith(problem: Problem, error: unknown): MeshRefusal {
    const mayStand = this.#mayHaveChanged() && isOfTheMoment(problem);
    return mayStand ? answerLost(error) : new MeshRefusal(problem, error);
  }

  /** What the caller is told after the last try. */
  refusal(error: unknown): unknown {
    if (!(error instanceof TryFailed)) return error;
    if (this.#mayHaveChanged()) return answerLost(error);
    const { outcome } = error;
    if (outcome?.kind === "not-done" && outcome.problem !== undefined) {
      const { code, message } = outcome.problem;
      if (code === "wrong_node") return unavailable(code, message, error);
      return unavailable("no_leader", "no leader with a quorum was found in time", error);
    }
    const what = outcome?.kind === "lost" ? "answered" : "could be reached";
    return unavailable("no_node", `no node of the mesh ${what} in time`, error);
  }

  #mayHaveChanged(): boolean {
    return this.mayBeDone && this.#operation.repeat !== "none";
  }
}

function answerLost(cause: unknown): MeshRefusal {
  const message = "the answer was lost: it may or may not have been done";
  return unavailable("outcome_unknown", message, cause);
}
