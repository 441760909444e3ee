// The sections `queue` and `balancer`: when tasks run, and on which node.
import { z } from "zod";
import { milliseconds } from "./value-types.js";

export const queue = z
  .strictObject({
    agingMs: milliseconds(0, 86_400_000)
      .default(60_000)
      .describe(
        "A waiting task's priority rises by one for each such time, up to 9, so that the lowest is " +
          "never starved; 0: never.",
      ),
  })
  .prefault({});

export const balancer = z
  .strictObject({
    policy: z
      .enum(["least-loaded", "power-of-two-choices", "weighted", "label-aware"])
      .default("least-loaded")
      .describe("Which of the nodes with a free slot, the type and the labels gets a task."),
    weights: z
      .array(
        z
          .string()
          .regex(/^[^=]{1,128}=[1-9]\d{0,3}$/, "must be NODE=WEIGHT or LABEL=WEIGHT, 1 to 9999"),
      )
      .max(256)
      .default([])
      .describe(
        "For `weighted`: shares of the work, such as `n1=3` or `big=2`, by the id of a node or else " +
          "the highest of its labels; 1 where neither is named.",
      ),
    affinity: z
      .array(z.string().regex(/^.{1,128}=[a-z0-9][a-z0-9-]{0,62}$/, "must be TYPE=LABEL"))
      .max(256)
      .default([])
      .describe(
        "For `label-aware`: types of task that go to nodes with a label as long as those have free " +
          "slots, such as `resize=gpu`.",
      ),
  })
  .prefault({})
  .describe("How tasks are spread over the nodes; the leader's values count.");
