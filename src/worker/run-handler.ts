// Runs a handler from its task's JSON to its outcome's, in whichever thread this is called.
import { AttemptContext, type AttemptListener } from "./attempt-context.js";
import type { TaskHandler } from "./handler.js";
import { type AttemptResult, failure, failureOf, resultOf } from "./outcome.js";
import type { TaskAssignment } from "./attempt.js";
import type { StopOrder } from "./stop-order.js";

export interface RunHandlerOptions {
  readonly handler: TaskHandler;
  readonly assignment: TaskAssignment;
  readonly order: StopOrder;
  readonly listener: AttemptListener;
  readonly maxResultBytes: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** Of an attempt that was told to stop. */
const WORTHLESS: AttemptResult = { kind: "given-back", reason: "it was told to stop", lost: false };

/**
 * Runs one attempt; its synchronous part runs before this returns. Never rejects. What it resolves
 * with after it was told to stop is worth nothing.
 */
export async function runHandler(options: RunHandlerOptions): Promise<AttemptResult> {
  const { handler, assignment, order, listener, maxResultBytes, nowMs } = options;
  const { taskId, type, queue, priority, attempt, fence } = assignment;
  const parsed = parseJson(assignment.dataJson);
  if (parsed.kind === "failure") return parsed;
  const attemptContext = new AttemptContext({ fence, attempt, order, listener, nowMs });
  try {
    const task = { id: taskId, type, data: parsed.value, queue, priority, attempt };
    const value = await handler(task, attemptContext.context);
    // Serialising runs the user's toJSON and costs time: not for a result that nobody awaits.
    if (order.isGiven) return WORTHLESS;
    return resultOf(value, maxResultBytes);
  } catch (error) {
    return { kind: "failure", failure: failureOf(error) };
  } finally {
    attemptContext.close();
  }
}

function parseJson(
  json: string,
):
  | { readonly kind: "value"; readonly value: unknown }
  | Extract<AttemptResult, { kind: "failure" }> {
  try {
    return { kind: "value", value: json === "" ? null : (JSON.parse(json) as unknown) };
  } catch {
    return {
      kind: "failure",
      failure: failure("BadData", "the task's data is not JSON", false),
    };
  }
}
