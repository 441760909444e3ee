// Section `redis` of the configuration.
import { z } from "zod";
import { parseHostPort } from "../input/host-port.js";
import { host, milliseconds, port } from "./value-types.js";

const SENTINEL = 'must be "host:port" or {"host": …, "port": …}, an IPv6 address in brackets';

const URL_RULE =
  "must be redis://[user:password@]host[:port][/database], with a port up to 65535 and " +
  "percent-encoding in the password";

const HIGHEST_DATABASE = 65_535;

/** The path of a URL, or `db` of its query, is the number of a database. */
function namesDatabase(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { pathname, searchParams } = new URL(url);
  const numbers = [pathname.replace(/^\//, ""), searchParams.get("db") ?? ""];
  return numbers.every((text) => text === "" || isDatabase(text));
}

function isDatabase(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= HIGHEST_DATABASE;
}

const sentinel = z.union(
  [
    z.string().refine((text) => parseHostPort(text) !== undefined, SENTINEL),
    z.strictObject({ host, port: port.default(26_379) }),
  ],
  { error: SENTINEL },
);

export const redis = z
  .strictObject({
    url: z
      .string()
      .regex(/^rediss?:\/\//, { error: "must start with redis:// or rediss://", abort: true })
      .refine((url) => URL.canParse(url), URL_RULE)
      .refine(
        namesDatabase,
        `must end with the number of a database, 0 to ${HIGHEST_DATABASE}, or with none`,
      )
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
      .max(HIGHEST_DATABASE)
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
