// A small process that stands between `up` and the Redis it starts: Redis watches no parent, so this
// one does, and stops it when the parent is gone, by kill -9 too. Run as
// `node redis-keeper.js <program> <folder> <port>` with an IPC channel.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startTimeOf } from "../bootstrap/process-lock.mjs";
import { readRedisInfo, runsStill, writeRedisInfo } from "./redis-info.js";

const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const LOG_FILE = "redis.log";

const [program, folder, port] = process.argv.slice(2);
if (program === undefined || folder === undefined || port === undefined) {
  process.stderr.write("usage: redis-keeper <program> <folder> <port>\n");
  process.exit(2);
}
await keep(program, folder, port);

async function keep(program: string, folder: string, port: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await stopLeftBehind(folder);
  const log = path.join(folder, LOG_FILE);
  if (existsSync(log)) renameSync(log, `${log}.1`);
  const redis = spawn(program, serverArgs(folder, port, log), {
    stdio: ["ignore", "ignore", "ignore"],
    // A group of its own: Ctrl+C at the terminal must not stop Redis before the nodes.
    detached: true,
  });
  watchParent(redis);
  redis.on("spawn", () => {
    const { pid } = redis;
    if (pid === undefined) return;
    const startedAt = startTimeOf(pid);
    if (startedAt !== undefined) {
      writeRedisInfo(folder, { pid, startedAt, url: `redis://127.0.0.1:${port}` });
    }
    process.send?.({ kind: "redis", pid });
  });
  redis.on("error", (error) => end(`${program} cannot be run: ${error.message}`));
  redis.on("exit", (code, signal) => end(lastWords(log, code, signal)));
}

let stopping = false;

function watchParent(redis: ChildProcess): void {
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    redis.kill("SIGTERM");
    setTimeout(() => redis.kill("SIGKILL"), STOP_TIMEOUT_MS).unref();
  };
  process.on("disconnect", stop);
  process.on("SIGTERM", stop);
  // Comes from the terminal to everyone; `up` decides what it means.
  process.on("SIGINT", () => undefined);
}

function end(exitLine: string): void {
  if (stopping) process.exit(0);
  if (process.connected) process.send?.({ kind: "failed", exitLine }, () => process.exit(1));
  else process.exit(1);
}

function serverArgs(folder: string, port: string, log: string): string[] {
  const settings: Readonly<Record<string, string>> = {
    bind: "127.0.0.1",
    port,
    "protected-mode": "yes",
    daemonize: "no",
    dir: folder,
    logfile: log,
    save: "",
    appendonly: "yes",
    appendfsync: "everysec",
    // Queue state is no cache: a write that does not fit is refused, nothing is thrown out.
    "maxmemory-policy": "noeviction",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

// A keeper that was killed cannot stop its Redis. Two servers on one append-only file would ruin it.
async function stopLeftBehind(folder: string): Promise<void> {
  const info = readRedisInfo(folder);
  if (info === undefined) return;
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  if (runsStill(info)) process.kill(info.pid, "SIGTERM");
  while (runsStill(info)) {
    if (Date.now() > deadline) process.kill(info.pid, "SIGKILL");
    await sleep(POLL_MS);
  }
}

function lastWords(log: string, code: number | null, signal: NodeJS.Signals | null): string {
  const how = signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
  const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  const words = lines.findLast((line) => line.includes(" # ")) ?? "";
  return `redis-server ended (${how})${words === "" ? "" : `: ${words.replace(/^.* # /, "")}`}`;
}
