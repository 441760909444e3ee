// Whose fault the end of a host is, and what becomes of the attempts that it interrupts: the one that
// ended it fails, with a reason that names its remedy; the others run again elsewhere and are not
// charged. Where nobody can tell, each counts as one that may have been it.
import type { TaskError } from "../../gen/mesh/v1/task.js";
import type { TaskAssignment } from "../attempt.js";
import { type AttemptResult, describeThrown } from "../outcome.js";
import type { AttemptNumber } from "../protocol/messages.js";
import type { HostEnd } from "./carrier.js";

/** Types that a reason names. */
const MAX_NAMED_TYPES = 5;

/** What is known of a host's end. */
export interface HostEvidence {
  readonly end: HostEnd;
  /** Its last words. */
  readonly fallen:
    | {
        readonly number: AttemptNumber;
        readonly how: string;
        readonly error: TaskError | undefined;
      }
    | undefined;
  /** The node ended it, since it did not answer for so long. */
  readonly blocked:
    | {
        /** Whose code it was in: 0 nobody's, such as a timer of the module's; undefined: not known. */
        readonly number: AttemptNumber | undefined;
        readonly forMs: number;
      }
    | undefined;
  readonly heapMb: number;
  /** What it had been assigned and had not reported, by number. */
  readonly attempts: ReadonlyMap<AttemptNumber, TaskAssignment>;
  /** No later one had been started. */
  readonly startedThrough: AttemptNumber;
}

export interface HostVerdict {
  /** In words, for the log and for health. */
  readonly why: string;
  readonly culprit: TaskAssignment | undefined;
  readonly results: ReadonlyMap<AttemptNumber, AttemptResult>;
}

interface Cause {
  readonly how: string;
  readonly remedy: string;
  /** 0: nobody is named. */
  readonly number: AttemptNumber;
  /** The only attempt that ran must have been it. */
  readonly blamesTheOnlyOne: boolean;
  readonly error?: TaskError | undefined;
}

export function verdictOf(evidence: HostEvidence): HostVerdict {
  const { attempts, startedThrough } = evidence;
  const cause = causeOf(evidence);
  const started = [...attempts.keys()].filter((number) => number <= startedThrough);
  const [only = 0, ...others] = started;
  const named = attempts.has(cause.number) ? cause.number : 0;
  const culpritNumber = named === 0 && cause.blamesTheOnlyOne && others.length === 0 ? only : named;
  const culprit = attempts.get(culpritNumber);
  const why =
    culprit === undefined ? cause.how : `${culprit.type} (task ${culprit.taskId}) ${cause.how}`;
  const results = new Map<AttemptNumber, AttemptResult>();
  for (const number of attempts.keys()) {
    if (number === culpritNumber && culprit !== undefined) {
      results.set(number, failureOfCulprit(culprit, cause));
    } else {
      const lost = culprit === undefined && number <= startedThrough;
      const reason = lost
        ? `the handler host ended while it ran ${typesOf(started, attempts)}: ${cause.how}`
        : `the handler host ended: ${why}`;
      results.set(number, { kind: "given-back", reason, lost });
    }
  }
  return { why, culprit, results };
}

function causeOf({ end, fallen, blocked, heapMb }: HostEvidence): Cause {
  if (blocked !== undefined) {
    return {
      how: `blocked its thread for ${grouped(blocked.forMs)} ms`,
      remedy: "give it `thread: true`",
      number: blocked.number ?? 0,
      blamesTheOnlyOne: blocked.number === undefined,
    };
  }
  if (fallen !== undefined) {
    const { number, how, error } = fallen;
    const remedy =
      error === undefined
        ? "let it return or throw instead"
        : "await or catch what it sets going, so that its attempt fails and nothing else";
    return { how, remedy, number, blamesTheOnlyOne: false, error };
  }
  switch (end.kind) {
    case "out-of-memory":
      return {
        how: `filled the heap of its handler host, ${heapMb} MB`,
        remedy: "let it hold less in memory, or raise nodes.heapMb",
        number: 0,
        blamesTheOnlyOne: true,
      };
    case "exited":
      return {
        how: `ended its handler host: ${end.how}`,
        remedy: "see what the node's log and output say before it",
        number: 0,
        blamesTheOnlyOne: true,
      };
    case "failed":
      return {
        how: `ended its handler host: ${describeThrown(end.error)}`,
        remedy: "see the node's log",
        number: 0,
        blamesTheOnlyOne: true,
      };
  }
}

function failureOfCulprit({ type, taskId }: TaskAssignment, cause: Cause): AttemptResult {
  const { how, remedy, error } = cause;
  const said = error === undefined ? "" : `: ${error.message}`;
  const message = `${type} (task ${taskId}) ${how}${said}; ${remedy}`;
  const name = error?.name ?? "HandlerHostEnded";
  return {
    kind: "failure",
    failure: {
      error: { name, message, stack: error?.stack ?? "" },
      retryable: name !== "NonRetryableError",
      timedOut: false,
    },
  };
}

function typesOf(
  numbers: readonly AttemptNumber[],
  attempts: ReadonlyMap<AttemptNumber, TaskAssignment>,
): string {
  const types = [...new Set(numbers.flatMap((number) => attempts.get(number)?.type ?? []))];
  const more = types.length > MAX_NAMED_TYPES ? " and others" : "";
  return `${types.slice(0, MAX_NAMED_TYPES).join(", ")}${more}`;
}

/** 1,000 rather than 1000. */
function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
