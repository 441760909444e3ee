// What travels between the node and the thread that runs a handler.
import type { MessagePort } from "node:worker_threads";
import type { TaskAssignment } from "../attempt.js";
import type { AbortReason } from "../handler.js";
import type { LogLine } from "../log-line.js";

/** One attempt, as a thread is given it; it answers with an `AttemptResult`. */
export interface ThreadJob {
  readonly assignment: TaskAssignment;
  /** The user's module, where there is one. */
  readonly userModule: string | undefined;
  readonly maxResultBytes: number;
  /** For what is said while it runs. */
  readonly port: MessagePort;
}

/** To the thread: the attempt is to stop. */
export interface StopMessage {
  readonly reason: AbortReason;
}

/** From the thread; `started` comes first. */
export type ThreadMessage =
  | { readonly kind: "started" }
  | { readonly kind: "progress"; readonly percent: number }
  | { readonly kind: "line"; readonly line: LogLine };
