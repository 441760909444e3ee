// The section `worker`: what a node runs, how much of it, and for how long.
import { z } from "zod";
import { milliseconds, name } from "./value-types.js";

const threads = z
  .strictObject({
    max: z
      .int()
      .min(1)
      .max(256)
      .optional()
      .describe(
        "Tasks that a node runs in threads at a time; the others of such types wait. Default: the " +
          "processors of the machine, at most worker.concurrency.",
      ),
    abortGraceMs: milliseconds(0, 60_000)
      .default(1_000)
      .describe(
        "How long a handler in a thread that was told to stop may take before its thread is ended; and how " +
          "long the handler host may give no sign of life where one of its handlers was told to.",
      ),
  })
  .prefault({})
  .describe("Threads for the task types that keep the processor busy.");

export const worker = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(1_000)
      .default(20)
      .describe("Tasks that a node runs at a time."),
    labels: z.array(name).max(64).default([]).describe("What `requires` of a task can ask for."),
    handlers: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Module with the user's task types; its path is relative to the config file. " +
          "`export default { type: async (task, ctx) => result }`; `{ handler, thread: true }` in place of " +
          "the function runs it in a thread.",
      ),
    isolation: z
      .enum(["thread", "process"])
      .default("thread")
      .describe(
        "What the handlers of worker.handlers share that run in no thread of their own: a thread of the " +
          "node's process, or a process, for code that may bring a whole process down, such as native addons.",
      ),
    maxBlockMs: milliseconds(1_000, 3_600_000)
      .default(10_000)
      .describe(
        "A handler that lets nothing else run for this long in what it shares with others is ended, and " +
          "its attempt with it.",
      ),
    threads,
    leaseMs: milliseconds(100, 60_000)
      .default(600)
      .describe("A node that the leader has not answered for this long stops its handlers."),
    stopGraceMs: milliseconds(0, 600_000)
      .default(10_000)
      .describe("How long a stopping node lets its handlers finish before it hands them back."),
    drainGraceMs: milliseconds(0, 86_400_000)
      .default(60_000)
      .describe("How long a node that is drained lets them finish before it hands them back."),
  })
  .prefault({});
