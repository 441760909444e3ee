// Section `limits` of the configuration.
import { z } from "zod";
import { milliseconds } from "./value-types.js";

export const limits = z
  .strictObject({
    bodyBytes: z
      .int()
      .min(1_024)
      .max(67_108_864)
      .default(1_048_576)
      .describe("Bound of a request's body; past it 413."),
    batchBodyBytes: z
      .int()
      .min(1_024)
      .max(268_435_456)
      .default(33_554_432)
      .describe("Bound of the body of POST /tasks/batch."),
    bodiesBytes: z
      .int()
      .min(1_048_576)
      .max(4_294_967_296)
      .default(67_108_864)
      .describe(
        "Bodies that a gateway has in hand at a time, as far as they have arrived; more wait, and are answered " +
          "503 after 10 s. An eighth of it is for bodies of up to 16 KiB alone. Each takes a multiple of its " +
          "size of the gateway's memory. As much again may be answers that clients are reading.",
      ),
    batchItems: z
      .int()
      .min(1)
      .max(10_000)
      .default(10_000)
      .describe("Items of one batch; past it 422."),
    waitMs: milliseconds(0, 600_000).default(60_000).describe("Longest `wait` of a read."),
    eventClients: z
      .int()
      .min(0)
      .max(10_000)
      .default(256)
      .describe("Clients that follow GET /events at a time, for each gateway; past it 503."),
    unappliedBytes: z
      .int()
      .min(1_048_576)
      .max(4_294_967_296)
      .default(134_217_728)
      .describe("Committed work that waits for Redis; past it a submission is answered 503."),
  })
  .prefault({});
