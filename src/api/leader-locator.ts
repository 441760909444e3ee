// Waits for a leader: by event, within a bound, and not longer than the caller does.
import { QueueError } from "../queue/errors.js";
import type { Leadership, LeadershipView } from "./task-backend.js";

export type KnownLeader = Exclude<Leadership, { kind: "unknown" }>;

/** When a caller that found no leader should try again. */
export const NO_LEADER_RETRY_AFTER_MS = 1_000;

export const noLeader = (cause?: unknown): QueueError =>
  new QueueError("no_leader", "no leader with a quorum was found in time", {
    retryAfterMs: NO_LEADER_RETRY_AFTER_MS,
    cause,
  });

/** Answers at once where a leader is known; throws QueueError "no_leader" after `waitMs`. */
export async function findLeader(
  view: LeadershipView,
  waitMs: number,
  signal: AbortSignal,
): Promise<KnownLeader> {
  const endsAtMs = performance.now() + waitMs;
  for (;;) {
    const leadership = view.leadership();
    if (leadership.kind !== "unknown") return leadership;
    const leftMs = endsAtMs - performance.now();
    if (leftMs <= 0 || signal.aborted) throw noLeader();
    await leadershipChange(view, leftMs, signal);
  }
}

/** Resolves at the next change of leadership, after `waitMs`, or when `signal` is aborted. */
export function leadershipChange(
  view: LeadershipView,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    const unsubscribe = view.onChange(done);
    signal.addEventListener("abort", done);
  });
}

/** True where another leader than `leader` is known, or none. */
export function hasMoved(view: LeadershipView, leader: KnownLeader): boolean {
  const now = view.leadership();
  if (now.kind !== leader.kind) return true;
  return now.kind === "other" && leader.kind === "other" && now.id !== leader.id;
}
