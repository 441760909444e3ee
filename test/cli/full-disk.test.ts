// A node whose disk takes no more: it ends, once, with a line that says what to do.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { findRedisServer } from "../../src/cli/redis-server.js";
import { freePort, RedisServer } from "../support/redis-server.js";
import { buildCli, cli, cliEntry, ended, plainEnvironment } from "./built-cli.js";

/** Of any file, in blocks of 512 bytes: 128 KiB. */
const LIMIT_BLOCKS = 256;
const TASK = JSON.stringify({ type: "process", data: JSON.stringify("x".repeat(16 * 1024)) });

let redis: RedisServer;
let dir: string;
let node: ChildProcess | undefined;
beforeAll(() => buildCli(), 120_000);
beforeEach(async (context) => {
  if (findRedisServer() === undefined) context.skip("redis-server is missing");
  redis = await RedisServer.start();
  dir = mkdtempSync(path.join(tmpdir(), "taskmesh-full-"));
});
afterEach(async () => {
  node?.kill("SIGKILL");
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
});

test("a node that can write no more ends with one line that names the folder and the remedy", async () => {
  const port = await freePort();
  const limited = `ulimit -f ${LIMIT_BLOCKS}; exec "$0" "$@"`;
  const child = spawn(
    "/bin/sh",
    ["-c", limited, process.execPath, cliEntry, "node", "--id", "n1", "--port", String(port)],
    {
      cwd: dir,
      env: plainEnvironment({
        REDIS_URL: redis.url,
        TASKMESH_DATA: path.join(dir, "data"),
        TASKMESH_NODES: "1",
        TASKMESH_LOG_LEVEL: "fatal",
      }),
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  node = child;
  const run = ended(child);
  while (child.exitCode === null && child.signalCode === null) {
    await cli(["call", "mesh.v1.TaskService/SubmitTask", TASK, "--node", `127.0.0.1:${port}`]);
  }

  const { code, stdout, stderr } = await run;

  const lines = `${stdout}${stderr}`.trim().split("\n");
  expect([code, lines.length]).toEqual([1, 1]);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    msg: expect.stringMatching(
      /data\/nodes\/n1 could not be written .*: raise the limit/,
    ) as string,
  });
}, 60_000);
