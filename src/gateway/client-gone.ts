// An AbortSignal for what is done on behalf of one request: aborted when its client hangs up, or
// when the gateway stops.
import type { FastifyReply } from "fastify";

/** The signal, and what to call when the request has been answered. */
export function clientSignal(
  reply: FastifyReply,
  stopping: AbortSignal,
): { readonly signal: AbortSignal; readonly done: () => void } {
  const controller = new AbortController();
  const response = reply.raw;
  const onClose = (): void => {
    if (!response.writableFinished) controller.abort(new Error("the client hung up"));
  };
  const onStop = (): void => controller.abort(stopping.reason);
  response.once("close", onClose);
  stopping.addEventListener("abort", onStop);
  if (stopping.aborted) onStop();
  return {
    signal: controller.signal,
    done: () => {
      response.off("close", onClose);
      stopping.removeEventListener("abort", onStop);
    },
  };
}
