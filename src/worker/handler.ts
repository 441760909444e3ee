// What a task type is made of: the function that a user writes and what it is given.

/** The task as its handler sees it. */
export interface HandledTask {
  readonly id: string;
  readonly type: string;
  /** Parsed JSON of the submission. */
  readonly data: unknown;
  readonly queue: string;
  /** 0 to 9, 9 first. */
  readonly priority: number;
  /** 1 for the first. */
  readonly attempt: number;
}

type WriteLine = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/**
 * Where a handler writes what it has to say; the lines carry the task's id. A line holds 4,096
 * characters, and an attempt writes 1,000 lines at once and 200 a second for long: what is more is
 * left out, and said so.
 */
export interface TaskLog {
  readonly debug: WriteLine;
  readonly info: WriteLine;
  readonly warn: WriteLine;
  readonly error: WriteLine;
}

export interface HandlerContext {
  /**
   * Aborted when the task is no longer this node's: cancelled, timed out, lease lost, node stopping.
   * What the handler returns after that is ignored. `signal.reason` is an `AttemptAborted`. In a
   * thread, `context.signal` also sees it where the handler never yields.
   */
  readonly signal: AbortSignal;
  /**
   * Fencing token: grows with every assignment of the task. Hand it to other systems that can refuse
   * a write with an older one.
   */
  readonly fence: number;
  /** 1 for the first. */
  readonly attempt: number;
  /** Share of the work done, 0 to 100. Values out of bounds are clamped, others ignored. */
  readonly progress: (percent: number) => void;
  readonly log: TaskLog;
}

/**
 * Runs one attempt. What it returns is kept as the task's result and must be JSON; what it throws
 * fails the attempt, which is tried again unless the error is a `NonRetryableError`. An attempt may
 * run again after its node was lost, so a handler should be idempotent.
 */
export type TaskHandler = (task: HandledTask, context: HandlerContext) => unknown;

/** A task type: its handler, and where that runs. */
export interface TaskType {
  readonly handler: TaskHandler;
  /** In a thread of its own: for what keeps the processor busy, which would hold up the node. */
  readonly thread: boolean;
}

/** Thrown by a handler where another attempt cannot help: the task is dead at once. */
export class NonRetryableError extends Error {
  override readonly name = "NonRetryableError";
}

/** Why a handler's signal was aborted. */
export type AbortReason =
  "cancelled" | "deadline-exceeded" | "lease-lost" | "superseded" | "timed-out" | "stopping";

/** `signal.reason` of an aborted handler. */
export class AttemptAborted extends Error {
  override readonly name = "AttemptAborted";

  constructor(readonly reason: AbortReason) {
    super(`the attempt was aborted: ${reason}`);
  }
}
