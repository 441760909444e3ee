// What a node and a host of handlers say to each other: plain data, in batches, whatever carries
// them. A host is whoever runs handlers for a node: a thread, a process, and one day a worker far away.
//
//   host → node  hello | refused          its module is loaded, or cannot be
//   node → host  grant                    how long it may go on without hearing more; also the beat
//   host → node  acknowledged             everything up to that grant was heard
//   node → host  assign, cancel           one attempt is to run; is to stop
//   host → node  progress, line, report   what it says; how it ended: one report for each assign
//   host → node  printed, blocked         what it wrote to its output; what let nothing else run
//   host → node  fallen                   its last words
//   node → host  stop                     it is to end once nothing runs in it
import type { TaskError } from "../../gen/mesh/v1/task.js";
import type { UserModuleErrorCode } from "../errors.js";
import type { TaskAssignment } from "../attempt.js";
import type { AbortReason } from "../handler.js";
import type { LogLine } from "../log-line.js";
import type { AttemptResult } from "../outcome.js";

/** Names one attempt among those of a host's life, in the order of assignment, from 1; 0 names none. */
export type AttemptNumber = number;

export type ToHost =
  | {
      readonly kind: "assign";
      readonly number: AttemptNumber;
      readonly assignment: TaskAssignment;
      readonly maxResultBytes: number;
    }
  | { readonly kind: "cancel"; readonly number: AttemptNumber; readonly reason: AbortReason }
  | {
      readonly kind: "grant";
      readonly sequence: number;
      /**
       * The attempts are the host's own until then, on the monotonic clock that it shares with its node;
       * a carrier between machines counts from when it asked.
       */
      readonly untilMs: number;
    }
  | { readonly kind: "stop" };

/** A type of the user's module, and whether it asks for a thread of its own. */
export interface HostedType {
  readonly name: string;
  readonly thread: boolean;
}

export type FromHost =
  | { readonly kind: "hello"; readonly types: readonly HostedType[] }
  | {
      readonly kind: "refused";
      readonly code: UserModuleErrorCode;
      readonly message: string;
      readonly type: string | undefined;
    }
  | { readonly kind: "acknowledged"; readonly sequence: number }
  | { readonly kind: "progress"; readonly number: AttemptNumber; readonly percent: number }
  | { readonly kind: "line"; readonly number: AttemptNumber; readonly line: LogLine }
  | { readonly kind: "report"; readonly number: AttemptNumber; readonly result: AttemptResult }
  | {
      readonly kind: "printed";
      readonly number: AttemptNumber;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
    }
  | { readonly kind: "blocked"; readonly number: AttemptNumber; readonly forMs: number }
  | {
      readonly kind: "fallen";
      /** Whose code it was. */
      readonly number: AttemptNumber;
      /** As the end of a sentence about it: "called process.exit(1)". */
      readonly how: string;
      readonly error: TaskError | undefined;
    };

/** What a host is told when it is started. */
export interface HostSetting {
  /** Path of the user's module. */
  readonly userModule: string;
  /** Shared with the node where both are of one process: see `shared-cell`. */
  readonly cell: SharedArrayBuffer | undefined;
}
