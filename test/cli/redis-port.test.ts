// The port of the Redis that `up` starts stays that of its data folder, and one that is taken is told of.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTimeOf } from "../../src/bootstrap/process-lock.mjs";
import { writeRedisInfo } from "../../src/cli/redis-info.js";
import { redisPort } from "../../src/cli/redis-port.js";
import { freePort } from "../support/redis-server.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-port-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As a Redis leaves it behind that is gone. */
const remember = (port: number, info = { pid: 0, startedAt: "" }) =>
  writeRedisInfo(folder, { ...info, url: `redis://127.0.0.1:${port}` });

async function occupied(): Promise<{ port: number; free: () => void }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, free: () => void server.close() };
}

test("is chosen where none is known", async () => {
  expect(await redisPort(folder, undefined)).toBeGreaterThan(1_024);
});

test("is that of the last start, unless another one is configured", async () => {
  const [before, configured] = [await freePort(), await freePort()];
  remember(before);

  expect(await redisPort(folder, undefined)).toBe(before);
  expect(await redisPort(folder, configured)).toBe(configured);
});

test("is told of where something else has it", async () => {
  const { port, free } = await occupied();
  remember(port);

  const said = new RegExp(`port ${port} on 127.0.0.1 is taken .*TASKMESH_REDIS_PORT or redis.port`);
  await expect(redisPort(folder, undefined)).rejects.toThrow(said);
  await expect(redisPort(folder, port)).rejects.toThrow(said);
  free();
});

test("is not called taken by the Redis that was left behind in the folder", async () => {
  const { port, free } = await occupied();
  remember(port, { pid: process.pid, startedAt: startTimeOf(process.pid) ?? "" });

  expect(await redisPort(folder, undefined)).toBe(port);
  free();
});

test("is chosen anew where the note is unreadable", async () => {
  writeFileSync(path.join(folder, "redis.json"), "{half");

  expect(await redisPort(folder, undefined)).toBeGreaterThan(1_024);
});
