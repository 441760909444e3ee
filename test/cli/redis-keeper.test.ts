// The Redis that `up` starts: kept across restarts, and gone when whoever started it is gone.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { pingRedis } from "../../src/cli/redis-ping.js";
import { findRedisServer } from "../../src/cli/redis-server.js";
import { keyPrefix } from "../../src/redis/key-prefix.js";
import { freePort } from "../support/redis-server.js";
import { buildCli, isRunning, packageRoot, plainEnvironment } from "./built-cli.js";

const server = findRedisServer();
const KEYS = keyPrefix("taskmesh");
const keeper = path.join(packageRoot, "dist/cli/redis-keeper.js");
const WAIT = { timeout: 20_000, interval: 50 };

let folder: string;
let port: number;
let url: string;
let parents: ChildProcess[] = [];

beforeAll(() => buildCli(), 120_000);
beforeEach(async (context) => {
  if (server === undefined) context.skip("redis-server is missing");
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-keeper-"));
  port = await freePort();
  url = `redis://127.0.0.1:${port}`;
  parents = [];
});
afterEach(async () => {
  if (parents.length === 0) return;
  for (const parent of parents) parent.kill("SIGKILL");
  await vi.waitFor(() => expect(isRunning(redisPid())).toBe(false), WAIT);
  rmSync(folder, { recursive: true, force: true });
});

/** A process that starts a keeper the way `up` does, and does nothing else. */
async function startParent(): Promise<{ parent: ChildProcess; keeperPid: number }> {
  const args = JSON.stringify([keeper, server, folder, String(port)]);
  const script = `
    const child = require("node:child_process").spawn(process.execPath, ${args}, {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    console.log(child.pid);
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("exit", (code) => process.exit(code ?? 1));`;
  const parent = spawn(process.execPath, ["-e", script], {
    env: plainEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  parents.push(parent);
  const [output] = (await once(parent.stdout, "data")) as [Buffer];
  await vi.waitFor(async () => expect(await pingRedis(url, 1_000, KEYS)).toBeUndefined(), WAIT);
  return { parent, keeperPid: Number(output.toString()) };
}

function redisPid(): number {
  const text = readFileSync(path.join(folder, "redis.json"), "utf8");
  return (JSON.parse(text) as { pid: number }).pid;
}

describe("the keeper", () => {
  test("stops Redis when the process that started it is killed outright", async () => {
    const { parent } = await startParent();
    const pid = redisPid();

    parent.kill("SIGKILL");

    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), WAIT);
  });

  test("stops Redis gently on SIGTERM, and what was written is there at the next start", async () => {
    const { parent } = await startParent();
    const first = new Redis(url);
    await first.set("key", "value");
    first.disconnect();
    parent.kill("SIGTERM");
    const [code] = (await once(parent, "exit")) as [number | null];
    expect(code).toBe(0);

    await startParent();

    const second = new Redis(url);
    expect(await second.get("key")).toBe("value");
    second.disconnect();
  });

  test("replaces a Redis that a killed keeper left behind, with its data", async () => {
    const { parent, keeperPid } = await startParent();
    const client = new Redis(url);
    client.on("error", () => undefined);
    await client.set("key", "value");
    const left = redisPid();
    process.kill(keeperPid, "SIGKILL");
    await once(parent, "exit");
    expect(isRunning(left)).toBe(true);

    port = await freePort();
    url = `redis://127.0.0.1:${port}`;
    await startParent();

    expect(isRunning(left)).toBe(false);
    client.disconnect();
    const second = new Redis(url);
    expect(await second.get("key")).toBe("value");
    second.disconnect();
  });
});
