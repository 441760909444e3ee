// Section `redis` of the configuration.
import { z } from "zod";
import { milliseconds, port } from "./value-types.js";

const SENTINEL = 'must be "host:port" or {"host": …, "port": …}';

const URL_RULE =
  "must be redis://[user:password@]host[:port][/database], with a port up to 65535 and " +
  "percent-encoding in the password";

const sentinel = z.union(
  [
    z.string().regex(/^.+:\d{1,5}$/, SENTINEL),
    z.strictObject({ host: z.string().min(1), port: port.default(26_379) }),
  ],
  { error: SENTINEL },
);

export const redis = z
  .strictObject({
    url: z
      .string()
      .regex(/^rediss?:\/\//, { error: "must start with redis:// or rediss://", abort: true })
      .refine((url) => URL.canParse(url), URL_RULE)
      .optional()
      .describe(
        "A Redis that is running already. Without it, `taskmesh up` starts one of its own.",
      ),
    port: port
      .optional()
      .describe(
        "Port of the Redis that `taskmesh up` starts. Default: one that is chosen at the first start and " +
          "stays that of the data folder.",
      ),
    sentinels: z
      .array(sentinel)
      .max(32)
      .default([])
      .describe(
        "In place of `url`: sentinels that know which server of a group is the primary, each " +
          'as "host:port" or {"host", "port"}. Connections to servers and sentinels are without TLS.',
      ),
    name: z
      .string()
      .min(1)
      .default("mymaster")
      .describe("Name that the sentinels have for the group."),
    username: z.string().min(1).optional().describe("User of Redis, where `url` names none."),
    password: z.string().min(1).optional().describe("Password of Redis, where `url` has none."),
    database: z
      .int()
      .min(0)
      .max(65_535)
      .default(0)
      .describe("Number of the database, with `sentinels`; a `url` has its own."),
    sentinelUsername: z.string().min(1).optional().describe("User of the sentinels themselves."),
    sentinelPassword: z
      .string()
      .min(1)
      .optional()
      .describe("Password of the sentinels themselves."),
    commandTimeoutMs: milliseconds(50, 60_000)
      .default(2_000)
      .describe("After this long without an answer Redis counts as down."),
  })
  .refine(({ url, sentinels }) => url === undefined || sentinels.length === 0, {
    path: ["sentinels"],
    message: "stands beside redis.url: set one of the two",
  })
  .prefault({});
