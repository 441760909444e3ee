// Where handlers run that do not run in the node's own thread: threads of theirs, or a handler host.
import type { TaskAssignment } from "./attempt.js";
import type { AttemptListener } from "./attempt-context.js";
import type { AttemptResult } from "./outcome.js";
import type { StopOrder } from "./stop-order.js";

export interface HandlerPlace {
  /** Whether another attempt may start now; otherwise it waits, and others overtake it. */
  readonly hasFree: boolean;
  /** Why nothing can start here for a while, so that what waits is handed back; undefined: it can. */
  readonly refusal: string | undefined;
  /** Calls `listener` whenever one of the two above may have changed. */
  onChange(listener: () => void): void;
  /**
   * Runs an attempt; never rejects.
   *
   * @param order to stop; what is resolved with after it was given is worth nothing
   */
  run(
    assignment: TaskAssignment,
    maxResultBytes: number,
    order: StopOrder,
    listener: AttemptListener,
  ): Promise<AttemptResult>;
  /** Waits, within bounds, for handlers that were all told to stop, and ends what they run in. */
  close(): Promise<void>;
}

/** No handler runs here. */
export const NOWHERE: HandlerPlace = {
  hasFree: false,
  refusal: "the node has no place for it",
  onChange: () => undefined,
  run: () =>
    Promise.resolve({ kind: "given-back", reason: "the node has no place for it", lost: false }),
  close: () => Promise.resolve(),
};
