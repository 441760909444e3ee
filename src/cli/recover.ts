// `taskmesh recover`: makes a mesh of one node again where a majority of the disks is lost.
import path from "node:path";
import { readdirSync } from "node:fs";
import type { Command } from "commander";
import type { Config } from "../config/schema.js";
import type { SurvivorPlan } from "../mesh/recovery/recovery.js";
import type { RedisPlace } from "../mesh/recovery/redis-evidence.js";
import { baseCommand, type CommonOptions, configOf } from "./context.js";
import { ExitError, exitCode } from "./exit.js";
import { print, printJson } from "./output.js";
import { joinHostPort } from "../input/host-port.js";
import { advertisedPort, nodePlaces } from "./places.js";
import { planLines } from "./recovery-lines.js";
import { withRedis } from "./recovery-redis.js";

interface RecoverOptions extends CommonOptions {
  readonly id?: string;
  readonly data?: string;
  readonly fromRedis?: boolean;
  readonly fromBackup?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** The command `recover`. */
export function recoverCommand(): Command {
  return baseCommand(
    "recover",
    "make a mesh of one node again, where a majority of the disks is lost",
  )
    .option(
      "--id <id>",
      "node whose data folder survives, such as n2; with --from-redis the node to be",
    )
    .option("--data <folder>", "data folder (default: nodes.dataDir of the config)")
    .option("--from-backup <file>", "from a file of taskmesh backup")
    .option("--from-redis", "from what Redis holds, where no disk is left")
    .option("--yes", "do it; without it is only told what would be done, and lost")
    .option("--json", "print the plan as JSON")
    .action((options: RecoverOptions) => recover(options));
}

async function recover(options: RecoverOptions): Promise<void> {
  if (options.fromRedis === true && options.fromBackup !== undefined) {
    throw new ExitError("--from-redis and --from-backup: give one of them", exitCode.usage);
  }
  const flags =
    options.data === undefined
      ? []
      : [{ variable: "--data", path: ["nodes", "dataDir"], value: options.data }];
  const { config } = configOf(options, flags);
  const nodes = path.join(config.nodes.dataDir, "nodes");
  if (options.fromRedis === true) return fromRedis(options, config, nodes);
  const { restoreBackup } = await import("../mesh/recovery/recovery.js");
  if (options.fromBackup === undefined)
    return fromDisk(options, config, survivorIn(nodes, options.id));
  const { manifest, folder } = await restoreBackup(options.fromBackup, nodes);
  print(
    `unpacked ${options.fromBackup} to ${folder}: ${manifest.nodeId} of mesh ${manifest.mesh}, ` +
      `as of ${manifest.takenAt}, up to entry ${manifest.lastIndex}`,
  );
  return fromDisk(options, config, folder);
}

async function fromDisk(options: RecoverOptions, config: Config, folder: string): Promise<void> {
  const { obstacleOf, planFromSurvivor, recoverFromSurvivor } =
    await import("../mesh/recovery/recovery.js");
  const plan = await withRedis(config, (place) => planFromSurvivor(folder, place));
  const obstacle = obstacleOf(plan);
  if (options.json === true) printJson({ ...plan, obstacle: obstacle ?? null });
  else for (const line of planLines(plan)) print(line);
  if (obstacle !== undefined) throw new ExitError(`nothing was changed: ${obstacle}`);
  if (options.yes !== true) {
    if (options.json !== true) print("Nothing has been changed. The same with --yes does it.");
    return;
  }
  const meshId = await recoverFromSurvivor(folder);
  if (options.json === true) printJson({ meshId });
  else for (const line of nextSteps(config, plan, meshId)) print(line);
}

async function fromRedis(options: RecoverOptions, config: Config, nodes: string): Promise<void> {
  const id = options.id ?? "n1";
  const place = nodePlaces(config).find((one) => one.id === id);
  if (place === undefined) {
    throw new ExitError(`--id ${id}: the config has no such node`, exitCode.usage);
  }
  if (options.yes !== true) {
    throw new ExitError(
      "from Redis alone: what was acknowledged in the last moments and had not reached Redis is lost, and " +
        `no disk of the old mesh may come back; the same with --yes makes ${id} a mesh from it`,
      exitCode.usage,
    );
  }
  const { recoverFromRedis } = await import("../mesh/recovery/recovery.js");
  const found = await withRedis(config, (redis: RedisPlace | undefined) => {
    if (redis === undefined) throw new ExitError("no Redis is named, and none could be started");
    return recoverFromRedis({
      place: redis,
      folder: path.join(nodes, id),
      nodeId: id,
      address: joinHostPort(
        config.nodes.advertise.host ?? config.nodes.host,
        advertisedPort(config, place) ?? place.port,
      ),
      nowMs: Date.now(),
    });
  });
  if (options.json === true) {
    printJson(found);
    return;
  }
  print(
    `${id} is mesh ${found.meshId} now, from entry ${found.index} of Redis: ${found.tasks} tasks that have ` +
      `not completed, ${found.running} of them running when it was lost, which run again`,
  );
  print(
    found.settingsIndex === undefined
      ? "Nothing was kept there of schedules, paused queues and limits: set them again."
      : `Schedules, queues and drained nodes are as of entry ${found.settingsIndex}.`,
  );
  print("Start it: taskmesh up, or taskmesh node --id " + id);
}

/** The folder of the node that is named, or the only one that there is. */
function survivorIn(nodes: string, id: string | undefined): string {
  if (id !== undefined) return path.join(nodes, id);
  let there: string[] = [];
  try {
    there = readdirSync(nodes);
  } catch {
    // Told below.
  }
  const [only, second] = there;
  if (only === undefined) {
    throw new ExitError(
      `${nodes} has no node's folder: name the data folder with --data, or use --from-redis or --from-backup`,
    );
  }
  if (second !== undefined) {
    throw new ExitError(
      `${nodes} has the folders ${there.join(", ")}: name the survivor with --id. If a majority of the ` +
        "mesh's disks is here, start it instead: nothing is lost then",
      exitCode.usage,
    );
  }
  return path.join(nodes, only);
}

function nextSteps(config: Config, plan: SurvivorPlan, meshId: string): string[] {
  const nodes = path.join(config.nodes.dataDir, "nodes");
  const old = plan.others.map(({ id }) => path.join(nodes, id));
  return [
    `${plan.nodeId} is mesh ${meshId} now, alone.`,
    `Folders of the old mesh (such as ${old.join(", ") || "those of other nodes"}) cannot take part in it: ` +
      "move them away where they are still there.",
    `Start it: taskmesh up, or taskmesh node --id ${plan.nodeId}; nodes with empty folders join it.`,
  ];
}
