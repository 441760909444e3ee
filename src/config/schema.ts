// The one description of the configuration: types, bounds, defaults and the words that explain them.
// docs/cluster.config.schema.json is generated from it.
import { z } from "zod";
import { isWildcard } from "../input/host-port.js";
import { limits } from "./limits-schema.js";
import { redis } from "./redis-schema.js";
import { retries } from "./retries-schema.js";
import { balancer, queue } from "./scheduling-schema.js";
import { heapMb, host, milliseconds, name, port } from "./value-types.js";
import { worker } from "./worker-schema.js";

const NODE_ID = "must be 1 to 63 of a-z, A-Z, 0-9, ., _ and -, beginning with a letter or a digit";
const WILDCARD = "is every address of a machine, at which nobody can be reached";

const nodes = z
  .strictObject({
    count: z
      .int()
      .min(1)
      .max(50)
      .default(3)
      .describe("Nodes that `taskmesh up` starts; of others, how many form a new mesh together."),
    voters: z
      .int()
      .min(1)
      .max(7)
      .refine((value) => value % 2 === 1, {
        message: "must be odd (1, 3, 5 or 7): one voter more tolerates no more losses",
      })
      .default(3)
      .describe(
        "Nodes that vote and keep the log on behalf of all: 1, 3, 5 or 7, of which fewer than half " +
          "may be lost at a time. Further nodes are learners, which run tasks.",
      ),
    replaceVoterAfterMs: milliseconds(1_000, 86_400_000)
      .default(30_000)
      .describe(
        "A voter that has not answered for this long gives its vote to a learner; longer than a " +
          "restart of a node takes.",
      ),
    removeLearnerAfterMs: milliseconds(1_000, 604_800_000)
      .default(300_000)
      .describe("A learner that has not answered for this long is no member any more."),
    id: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, NODE_ID)
      .optional()
      .describe("Name of the node that `taskmesh node` runs, where --id gives none."),
    host: host
      .default("127.0.0.1")
      .describe(
        "Address that nodes listen on, and are reached at unless `advertise` says otherwise.",
      ),
    grpcPort: port
      .default(50_051)
      .describe(
        "Port of the first node that `taskmesh up` starts, the others count up from it; of the one that " +
          "`taskmesh node` runs, where --port gives none.",
      ),
    advertise: z
      .strictObject({
        host: host
          .refine((value) => !isWildcard(value), WILDCARD)
          .optional()
          .describe(
            "Name or address at which others reach the node, where that is not the one it listens on; must be " +
              "set where `host` is 0.0.0.0 or ::.",
          ),
        port: port
          .optional()
          .describe(
            "Port at which others reach the node, where that is not the one it listens on; of the first node " +
              "that `taskmesh up` starts, the others count up from it.",
          ),
      })
      .prefault({}),
    dataDir: z
      .string()
      .min(1)
      .default(".taskmesh")
      .describe("Folder for the Raft logs and for the Redis that `taskmesh up` starts."),
    heapMb: heapMb.describe(
      "Most that the JavaScript heap of a node that `taskmesh up` starts may grow to, in MB. " +
        "It also keeps the heap small: V8 collects the later the more it may take.",
    ),
  })
  .refine((value) => !isWildcard(value.host) || value.advertise.host !== undefined, {
    path: ["host"],
    message: `${WILDCARD}: set nodes.advertise.host, too`,
  })
  .prefault({});

const gateway = z
  .strictObject({
    host: host.default("127.0.0.1").describe("Address that the gateway listens on."),
    port: port.default(5_000).describe("HTTP port of the gateway."),
    heapMb: heapMb.describe(
      "Most that the JavaScript heap of a gateway that `taskmesh up` starts may grow to, in MB: see " +
        "limits.bodiesBytes.",
    ),
    retryForMs: milliseconds(0, 60_000)
      .default(5_000)
      .describe("How long the gateway looks for a leader before it answers 503."),
  })
  .prefault({});

const raft = z
  .strictObject({
    tickMs: milliseconds(5, 1_000).default(50).describe("Unit of the two timings below."),
    heartbeatTicks: z.int().min(1).max(100).default(2).describe("Ticks between heartbeats."),
    electionTicks: z
      .int()
      .min(3)
      .max(1_000)
      .default(12)
      .describe("Ticks without a leader before an election; drawn anew from [n, 2n)."),
    maxAppendBytes: z
      .int()
      .min(1_024)
      .max(16_777_216)
      .default(1_048_576)
      .describe("Bound of one append message."),
    maxInflightAppends: z
      .int()
      .min(1)
      .max(4_096)
      .default(128)
      .describe("Appends under way to one follower."),
    maxUncommittedBytes: z
      .int()
      .min(65_536)
      .max(1_073_741_824)
      .default(67_108_864)
      .describe("Proposals under way; past it a submission is answered 503 with Retry-After."),
    segmentBytes: z
      .int()
      .min(65_536)
      .max(1_073_741_824)
      .default(16_777_216)
      .describe("Size at which a log segment is closed."),
    snapshotEveryEntries: z
      .int()
      .min(100)
      .max(100_000_000)
      .default(100_000)
      .describe(
        "A node takes a snapshot after that many log entries, and lets the log before it go.",
      ),
    snapshotEveryBytes: z
      .int()
      .min(65_536)
      .max(68_719_476_736)
      .default(268_435_456)
      .describe(
        "Or after entries of that many bytes; in any case not before there are as many as the last " +
          "snapshot has.",
      ),
    keepEntries: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(20_000)
      .describe(
        "Newest entries that stay in the log all the same, for nodes that were away for a moment and " +
          "for a Redis that lost its last writes.",
      ),
  })
  .refine((value) => value.heartbeatTicks * 3 <= value.electionTicks, {
    path: ["electionTicks"],
    message: "must be at least 3 times heartbeatTicks",
  })
  .prefault({});

const events = z
  .strictObject({
    maxEntries: z
      .int()
      .min(100)
      .max(10_000_000)
      .default(10_000)
      .describe(
        "About how many records of changes Redis keeps for watchers that come back; one for up to " +
          "128 changes of a log entry, 0.1 to 9 KB.",
      ),
  })
  .prefault({});

const DAY_MS = 86_400_000;

const retained = (maxAgeMs: number, maxCount: number) =>
  z
    .strictObject({
      maxAgeMs: milliseconds(0, 3_650 * DAY_MS)
        .default(maxAgeMs)
        .describe("How long a task is kept after its end."),
      maxCount: z
        .int()
        .min(0)
        .max(1_000_000_000)
        .default(maxCount)
        .describe("Most tasks that are kept; past it those that ended first go."),
    })
    .prefault({});

const retention = z
  .strictObject({
    completed: retained(3_600_000, 100_000),
    dead: retained(7 * DAY_MS, 100_000),
    cancelled: retained(DAY_MS, 100_000),
  })
  .prefault({})
  .describe("What is kept of tasks that have ended; what is past it is removed for good.");

const tasks = z
  .strictObject({
    acceptUnknownTypes: z
      .boolean()
      .default(false)
      .describe("Take tasks of a type that no live node handles; they wait for one that does."),
  })
  .prefault({});

const chaos = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        "Let links between nodes, gateway and Redis be cut, delayed and made lossy on purpose.",
      ),
    seed: z.int().min(0).max(4_294_967_295).default(1).describe("Of what chaos leaves to chance."),
  })
  .prefault({});

const log = z
  .strictObject({
    level: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
    format: z
      .enum(["auto", "pretty", "json"])
      .default("auto")
      .describe("auto: pretty on a terminal, JSON elsewhere."),
  })
  .prefault({});

/** The whole configuration. Unknown keys are refused. */
export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  mesh: name.default("taskmesh").describe("Name of the mesh; its keys in Redis carry it."),
  redis,
  nodes,
  gateway,
  raft,
  worker,
  retries,
  limits,
  events,
  retention,
  tasks,
  queue,
  balancer,
  chaos,
  log,
});

/** Configuration with every default in place. */
export type Config = Readonly<z.infer<typeof configSchema>>;
