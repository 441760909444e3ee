// What PUT /schedules/{name} takes, and its form on the wire.
import { z } from "zod";
import { SCHEDULE_LIMITS as MAX } from "../input/request-limits.js";
import { MisfirePolicy } from "../gen/mesh/v1/schedule.js";
import type { PutScheduleRequest } from "../gen/mesh/v1/schedule_service.js";
import { requestOf, type SubmissionContext, taskTemplate } from "./submission-schema.js";
import { validated } from "./validated.js";

const schedule = z.strictObject({
  cron: z.string().min(1).max(MAX.cronLength),
  timezone: z.string().min(1).max(MAX.timezoneLength).optional(),
  task: taskTemplate.extend({
    after: z
      .never("makes no sense: each occurrence would wait for tasks that have long ended")
      .optional(),
  }),
  paused: z.boolean().optional(),
  misfire: z.enum(["once", "skip"]).optional(),
});

/** @throws HttpProblem 422 naming every field at fault */
export function scheduleFrom(
  name: string,
  body: unknown,
  backoff: SubmissionContext["backoff"],
): PutScheduleRequest {
  const value = validated(schedule, body);
  const context = { backoff, idempotencyKey: undefined, traceparent: undefined };
  return {
    name,
    cron: value.cron,
    timezone: value.timezone ?? "",
    task: requestOf(value.task, context),
    paused: value.paused ?? false,
    misfire: value.misfire === "skip" ? MisfirePolicy.SKIP : MisfirePolicy.ONCE,
  };
}
