// Tasks as the gateway shows them, as far as a scenario looks at them; times in milliseconds.
import { z } from "zod";

const timeMs = z
  .string()
  .nullable()
  .transform((text) => (text === null ? undefined : Date.parse(text)));

const attempt = z.object({
  workerId: z.string().nullable(),
  fence: z.number(),
  startedAt: timeMs,
  finishedAt: timeMs,
  outcome: z.string(),
});

/** The part of a task's JSON that scenarios read. */
export const observedTask = z.object({
  id: z.string(),
  status: z.string(),
  priority: z.number(),
  workerId: z.string().nullable(),
  fence: z.number().nullable(),
  startedAt: timeMs,
  finishedAt: timeMs,
  history: z.array(attempt),
});

export type ObservedTask = Readonly<z.infer<typeof observedTask>>;

const ENDED = ["completed", "dead", "cancelled"];

/** Whether it has reached its one end. */
export function hasEnded(task: ObservedTask): boolean {
  return ENDED.includes(task.status);
}

/** Whether it completed, and one attempt alone did so. */
export function completedOnce({ status, history }: ObservedTask): boolean {
  return (
    status === "completed" && history.filter(({ outcome }) => outcome === "completed").length === 1
  );
}

/** Log index of its first assignment, which no later loss moves; undefined before. */
export function firstFence({ history, fence }: ObservedTask): number | undefined {
  return history[0]?.fence ?? fence ?? undefined;
}
