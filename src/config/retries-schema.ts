// Retries in the configuration: of attempts that failed, and of tasks that lost their node.
import { z } from "zod";
import { milliseconds } from "./value-types.js";

const backoff = z
  .strictObject({
    type: z.enum(["exponential", "fixed"]).default("exponential"),
    delayMs: milliseconds(0, 86_400_000).default(1_000).describe("Wait before the second attempt."),
    maxMs: milliseconds(0, 86_400_000)
      .default(60_000)
      .describe("Upper bound of the wait, jitter not counted."),
    jitter: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .describe("Share of the wait that is added at random."),
  })
  .prefault({});

const lossDelay = z
  .strictObject({
    delayMs: milliseconds(0, 86_400_000)
      .default(1_000)
      .describe(
        "Wait of a task that lost its node a second time; it doubles with each further loss. After the first one it goes on at once.",
      ),
    maxDelayMs: milliseconds(0, 86_400_000).default(60_000).describe("Upper bound of that wait."),
  })
  .prefault({});

export const retries = z
  .strictObject({
    maxAttempts: z.int().min(1).max(1_000).default(3),
    backoff,
    maxLosses: z
      .int()
      .min(1)
      .max(1_000)
      .default(5)
      .describe(
        "A task under which this many nodes ended, or left without a trace, is dead: it may be what kills them.",
      ),
    maxLapses: z
      .int()
      .min(1)
      .max(1_000)
      .default(50)
      .describe(
        "A task under which nodes let their lease run out this often, and lived on, is dead: it may be what blocks them.",
      ),
    lossDelay,
  })
  .prefault({});
