// What `taskmesh up` does: the whole mesh on this machine until it is told to stop.
import { describeHolder, type Lock, tryLock } from "../bootstrap/process-lock.mjs";
import type { Override } from "../config/environment.js";
import type { Config } from "../config/schema.js";
import { placeOf, type RedisEndpoint } from "../redis/endpoint.js";
import { logField } from "../telemetry/fields.js";
import { createLogger } from "../telemetry/logger.js";
import { type CommonOptions, configOf } from "./context.js";
import { ExitError } from "./exit.js";
import { awaitLeftBehind } from "./left-behind.js";
import { MeshLauncher } from "./mesh-launcher.js";
import { paint, pairs, print, printError } from "./output.js";
import { gatewayUrl, nodeAddress, nodePlaces } from "./places.js";
import { checkPorts, type PortClaim } from "./ports.js";
import { stopSignal } from "./stop-signal.js";

/** More are shown as a range. */
const NODES_SHOWN = 5;

export interface UpOptions extends CommonOptions {
  readonly nodes?: string;
  readonly data?: string;
  readonly restart: boolean;
  readonly json?: boolean;
}

/** Runs the mesh until it is told to stop. */
export async function up(options: UpOptions): Promise<void> {
  const { config, file } = configOf(options, flagsOf(options));
  const lock = await lockDataFolder(config.nodes.dataDir);
  const say = (line: string): void => printError(`taskmesh: ${line}`);
  await awaitLeftBehind(config.nodes.dataDir, say);
  await checkPorts(portClaims(config));
  const logger = createLogger({ log: config.log, fields: { [logField.component]: "up" } });
  const launcher = new MeshLauncher({ config, file, restart: options.restart, logger, say });
  const stopRequested = stopSignal(() => {
    launcher.kill();
    process.exit(1);
  });
  void lock.lost.then(() => {
    // The Redis of the other one writes to the same files.
    launcher.kill();
    const { dataDir } = config.nodes;
    printError(
      `taskmesh: another process took the data folder ${dataDir} while this one stood still`,
    );
    process.exit(1);
  });
  try {
    const started = launcher.start();
    const redis = await Promise.race([started, stopRequested]);
    if (redis !== undefined) {
      announce(config, redis, options.json === true);
      await stopRequested;
    } else {
      // What is still starting fails when it is stopped below; that is no news.
      started.catch(() => undefined);
    }
    say("stopping");
  } finally {
    await launcher.stop();
    lock.release();
  }
}

function flagsOf(options: UpOptions): Override[] {
  const flags: Override[] = [];
  if (options.nodes !== undefined) {
    const value = /^\d+$/.test(options.nodes) ? Number(options.nodes) : options.nodes;
    flags.push({ variable: "--nodes", path: ["nodes", "count"], value });
  }
  if (options.data !== undefined) {
    flags.push({ variable: "--data", path: ["nodes", "dataDir"], value: options.data });
  }
  return flags;
}

async function lockDataFolder(folder: string): Promise<Lock> {
  let attempt: Awaited<ReturnType<typeof tryLock>>;
  try {
    attempt = await tryLock(folder, "up");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new ExitError(
      `the data folder ${folder} cannot be written (${reason}); --data or TASKMESH_DATA names another`,
    );
  }
  if (attempt.kind === "taken") return attempt.lock;
  throw new ExitError(
    `the data folder ${folder} is in use by another "taskmesh up" (${describeHolder(attempt.by)}); stop it, or name another with --data or TASKMESH_DATA`,
  );
}

function portClaims(config: Config): PortClaim[] {
  const nodes = nodePlaces(config).map((place) => ({
    host: config.nodes.host,
    port: place.port,
    setting: "TASKMESH_GRPC_PORT or nodes.grpcPort",
  }));
  const { host, port } = config.gateway;
  return [{ host, port, setting: "TASKMESH_GATEWAY_PORT or gateway.port" }, ...nodes];
}

function announce(config: Config, endpoint: RedisEndpoint, json: boolean): void {
  const url = gatewayUrl(config);
  const nodes = nodePlaces(config).map(({ id, port }) => ({
    id,
    address: nodeAddress(config, port),
  }));
  const redis = placeOf(endpoint);
  if (json) {
    print(JSON.stringify({ gateway: url, nodes, redis, data: config.nodes.dataDir }));
    return;
  }
  const rows: [string, string][] = [
    ["gateway", url],
    ["nodes", nodesLine(nodes.map((node) => `${node.id} ${node.address}`))],
    ["redis", redis],
    ["data", config.nodes.dataDir],
    [
      "try",
      `curl -H 'content-type: application/json' -d '{"type":"process","data":"Hello World"}' ${url}/tasks`,
    ],
  ];
  print();
  print(
    `${paint(["bold", "green"], `${config.mesh} is ready`)}  ${paint("dim", "Ctrl+C stops it")}`,
  );
  for (const line of pairs(rows)) print(`  ${line}`);
  print();
}

function nodesLine(nodes: readonly string[]): string {
  const [first = "", ...others] = nodes;
  if (nodes.length <= NODES_SHOWN) return nodes.join("   ");
  return `${nodes.length}: ${first} to ${others.at(-1) ?? first}`;
}
