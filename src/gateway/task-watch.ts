// Follows the changes of tasks through whichever node answers: when one goes away the next goes on
// behind the last change that was handed out, so that none is missed and none comes twice.
import { setTimeout as pause } from "node:timers/promises";
import { type ClientPool, isConnected } from "../api/client-pool.js";
import { oldestIndexOf, problemOf } from "../api/status.js";
import { isAborted } from "../api/is-aborted.js";
import type { WatchTasksResponse } from "../gen/mesh/v1/task_service.js";
import { messagesOf } from "./answers.js";
import type { LeaderTracker } from "./leader-tracker.js";
import { CONNECT_MS, WATCH_RETRY_MS } from "./limits.js";
import { MeshRefusal, unavailable } from "./mesh-refusal.js";
import type { Peers } from "./peers.js";

/** A place in the log: the change number `position` of entry `index`, both as in WatchTasks. */
export interface WatchPosition {
  readonly index: number;
  readonly position: number;
}

export interface WatchRequest {
  /** Ids to watch; none means all. */
  readonly ids: readonly string[];
  /** Only tasks of this type; empty: of any. */
  readonly type: string;
  /** Only tasks of this queue; empty: of any. */
  readonly queue: string;
  /** First change wanted; undefined: what comes from now on. */
  readonly from: WatchPosition | undefined;
}

export type WatchStep =
  /** `next` is where a watch goes on that has seen `changes`; there may be none. */
  | {
      readonly kind: "changes";
      readonly changes: readonly WatchTasksResponse[];
      readonly next: WatchPosition;
    }
  /** Changes were asked for that are not kept any more: the watch goes on at `next`. */
  | { readonly kind: "reset"; readonly next: WatchPosition };

export interface WatchBounds {
  readonly signal: AbortSignal;
  /** How long a node is looked for at the beginning, in milliseconds. */
  readonly retryForMs: number;
}

type Ended =
  | { readonly kind: "lost"; readonly address: string; readonly error: unknown }
  | { readonly kind: "gone"; readonly oldestIndex: number };

export class TaskWatch {
  readonly #pool: ClientPool;
  readonly #peers: Peers;
  readonly #leaders: LeaderTracker;
  constructor(pool: ClientPool, peers: Peers, leaders: LeaderTracker) {
    this.#pool = pool;
    this.#peers = peers;
    this.#leaders = leaders;
  }

  /**
   * The changes in log order until `signal` is aborted. The first step comes once a node serves.
   * @throws MeshRefusal where no node serves it within `retryForMs` of the beginning, or where a node
   * refuses the request itself
   */
  async *follow(
    request: WatchRequest,
    { signal, retryForMs }: WatchBounds,
  ): AsyncIterable<WatchStep> {
    let { from } = request;
    let isServed = false;
    const giveUpAtMs = performance.now() + retryForMs;
    while (!signal.aborted) {
      const watch = this.#oneNode({ ...request, from }, signal);
      for (;;) {
        const { done, value } = await watch.next();
        if (!done) {
          isServed = true;
          from = value.next;
          yield value;
          continue;
        }
        if (value.kind === "lost") {
          this.#peers.avoid(value.address);
          this.#leaders.doubt(value.address);
          if (!isServed && performance.now() >= giveUpAtMs) {
            throw unavailable(
              "no_node",
              "no node of the mesh could be reached in time",
              value.error,
            );
          }
          await pause(WATCH_RETRY_MS, undefined, { signal }).catch(() => undefined);
        } else {
          from = { index: value.oldestIndex, position: 0 };
          isServed = true;
          yield { kind: "reset", next: from };
        }
        break;
      }
    }
  }

  /** What one node tells, and why it ended. */
  async *#oneNode(
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Extract<WatchStep, { kind: "changes" }>, Ended> {
    if (this.#leaders.leader === undefined) await this.#leaders.look();
    const address = this.#peers.forReads(this.#leaders.leader);
    if (address === undefined) return lost("", new Error("no node is known"));
    const peer = this.#pool.at(address);
    if (!(await isConnected(peer, Date.now() + CONNECT_MS))) {
      return lost(address, new Error(`no connection to ${address}`));
    }
    if (signal.aborted) return lost(address, signal.reason);
    const call = peer.tasks.watchTasks({
      ids: [...request.ids],
      type: request.type,
      queue: request.queue,
      fromIndex: request.from?.index,
      fromPosition: request.from?.position ?? 0,
      batched: true,
    });
    const cancel = (): void => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      for await (const message of messagesOf(call)) {
        const { changes, index, position } = message;
        yield { kind: "changes", changes, next: { index, position } };
      }
      return lost(address, new Error("the node ended the watch"));
    } catch (error) {
      const oldestIndex = oldestIndexOf(error);
      if (oldestIndex !== undefined) return { kind: "gone", oldestIndex };
      const problem = problemOf(error);
      const isOwnFault = problem !== undefined && problem.httpStatus < 500;
      if (isOwnFault && !isAborted(signal)) throw new MeshRefusal(problem, error);
      return lost(address, error);
    } finally {
      signal.removeEventListener("abort", cancel);
      call.cancel();
    }
  }
}

function lost(address: string, error: unknown): Ended {
  return { kind: "lost", address, error };
}
