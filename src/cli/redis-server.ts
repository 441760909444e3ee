// Finds the Redis server that can be started here, or has it installed where that is possible.
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import type { Environment } from "../config/environment.js";
import { ExitError } from "./exit.js";
import { installRedisServer } from "./redis-install.js";

const NAMES = ["redis-server", "valkey-server"];
// brew may put its programs where PATH does not look.
const MORE_FOLDERS = ["/opt/homebrew/bin", "/usr/local/bin"];

/**
 * Path of the server to start: TASKMESH_REDIS_SERVER, else redis-server or valkey-server on PATH.
 * @throws ExitError if TASKMESH_REDIS_SERVER names no program.
 */
export function findRedisServer(env: Environment = process.env): string | undefined {
  const named = env["TASKMESH_REDIS_SERVER"];
  const folders = [...(env["PATH"] ?? "").split(path.delimiter), ...MORE_FOLDERS];
  if (named !== undefined && named !== "") {
    const found = named.includes("/") ? path.resolve(named) : onPath(named, folders);
    if (found !== undefined && isProgram(found)) return found;
    throw new ExitError(`TASKMESH_REDIS_SERVER = ${named}: no such program; name one or unset it`);
  }
  return NAMES.map((name) => onPath(name, folders)).find((found) => found !== undefined);
}

/**
 * As findRedisServer, and installs Redis where there is none and the package manager can do it.
 * @param say is told what is done before it is done
 * @throws ExitError that says what to install.
 */
export async function ensureRedisServer(
  say: (line: string) => void,
  env: Environment = process.env,
): Promise<string> {
  const found = findRedisServer(env);
  if (found !== undefined) return found;
  const installed = await installRedisServer(say);
  const now = findRedisServer(env);
  if (now !== undefined) return now;
  throw new ExitError(
    `no Redis server is here${installed.reason}: install redis-server or valkey-server, or set REDIS_URL to one that runs`,
  );
}

function onPath(name: string, folders: readonly string[]): string | undefined {
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => path.join(folder, name))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
