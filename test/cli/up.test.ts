// `taskmesh up` from outside: one command gives a mesh that works, heals and leaves nothing behind.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { NODES_AT_A_TIME } from "../../src/cli/mesh-launcher.js";
import { findRedisServer } from "../../src/cli/redis-server.js";
import { freePorts } from "../support/free-ports.js";
import { descendantsOf } from "../support/process-tree.js";
import { buildCli, cli, ended, type Ended, isRunning, startCli } from "./built-cli.js";

/** More nodes than start at a time. */
const MANY = NODES_AT_A_TIME + 1;
const WAIT = { timeout: 30_000, interval: 100 };

interface Up {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly gateway: string;
}

interface Worker {
  readonly id: string;
  readonly pid: number;
  readonly state: string;
}

let data: string;
let env: NodeJS.ProcessEnv;
let started: Up[] = [];

beforeAll(() => buildCli(), 120_000);
beforeEach(async (context) => {
  if (findRedisServer() === undefined) context.skip("redis-server is missing");
  data = mkdtempSync(path.join(tmpdir(), "taskmesh-up-"));
  const [gatewayPort, grpcPort] = await freePorts(1 + MANY);
  env = {
    TASKMESH_DATA: data,
    TASKMESH_GATEWAY_PORT: String(gatewayPort),
    TASKMESH_GRPC_PORT: String(grpcPort),
    TASKMESH_LOG_LEVEL: "warn",
  };
});
afterEach(async () => {
  for (const up of started) {
    up.process.kill("SIGTERM");
    await up.ended;
  }
  if (started.length > 0) rmSync(data, { recursive: true, force: true });
  started = [];
});

async function up(args: readonly string[] = []): Promise<Up> {
  const child = startCli(["up", "--json", ...args], env);
  const run = ended(child);
  let said = "";
  child.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const announced = await Promise.race([
    vi.waitFor(() => /^\{"gateway":"([^"]+)"/m.exec(said)?.[1] ?? Promise.reject(new Error(said)), {
      timeout: 60_000,
      interval: 100,
    }),
    run.then((result) => Promise.reject(new Error(result.stderr))),
  ]);
  const result = { process: child, ended: run, gateway: announced };
  started.push(result);
  return result;
}

async function workersOf({ gateway }: Up): Promise<readonly Worker[]> {
  const response = await fetch(`${gateway}/workers`);
  return ((await response.json()) as { workers: Worker[] }).workers;
}

const redisInfo = (): { pid: number; url: string } =>
  JSON.parse(readFileSync(path.join(data, "redis/redis.json"), "utf8")) as {
    pid: number;
    url: string;
  };
const redisPid = (): number => redisInfo().pid;

describe("taskmesh up", { timeout: 120_000 }, () => {
  test("gives a mesh that runs a task, and SIGTERM leaves nothing of it", async () => {
    const mesh = await up();
    const pids = [...(await workersOf(mesh)).map((worker) => worker.pid), redisPid()];
    expect(pids).toHaveLength(4);

    const answer = await cli([
      "submit",
      "process",
      "hi",
      "--wait",
      "--json",
      "--url",
      mesh.gateway,
    ]);
    expect(JSON.parse(answer.stdout)).toMatchObject({ status: "completed" });

    mesh.process.kill("SIGTERM");
    expect((await mesh.ended).code).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(readdirSync(data).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  test("keeps what was done for the next start", async () => {
    const first = await up();
    const answer = await cli([
      "submit",
      "process",
      "hi",
      "--wait",
      "--json",
      "--url",
      first.gateway,
    ]);
    const { id } = JSON.parse(answer.stdout) as { id: string };
    const { url: redisUrl } = redisInfo();
    first.process.kill("SIGINT");
    expect((await first.ended).code).toBe(0);

    const second = await up();

    const shown = await cli(["task", id, "--json", "--url", second.gateway]);
    expect(JSON.parse(shown.stdout)).toMatchObject({ id, status: "completed" });
    expect(redisInfo().url).toBe(redisUrl);
  });

  test("starts a node that was killed again", async () => {
    const mesh = await up();
    const victim = (await workersOf(mesh)).find((worker) => worker.id === "n2");
    if (victim === undefined) throw new Error("there is no n2");

    process.kill(victim.pid, "SIGKILL");

    await vi.waitFor(async () => {
      const back = (await workersOf(mesh)).find((worker) => worker.id === "n2");
      expect(back?.state).toBe("active");
      expect(back?.pid).not.toBe(victim.pid);
    }, WAIT);
  });

  test("that is killed outright leaves no process behind", async () => {
    const mesh = await up();
    const pids = [...(await workersOf(mesh)).map((worker) => worker.pid), redisPid()];

    mesh.process.kill("SIGKILL");

    await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), WAIT);
  });

  test("refuses a data folder that is in use, and a port that is taken", async () => {
    const mesh = await up();

    const sameFolder = await cli(["up"], env);
    const samePort = await cli(["up", "--data", "other"], env);

    expect(sameFolder).toMatchObject({ code: 1, stdout: "" });
    expect(sameFolder.stderr).toContain(
      `is in use by another "taskmesh up" (pid ${mesh.process.pid})`,
    );
    const [taken = ""] = samePort.stderr.split(" (");
    const holder = process.platform === "linux" ? " by pid " : "";
    expect(taken).toContain(
      `taskmesh: port ${env["TASKMESH_GATEWAY_PORT"]} on 127.0.0.1 is taken${holder}`,
    );
    expect(samePort.stderr).toContain("(TASKMESH_GATEWAY_PORT or gateway.port chooses another)\n");
  });
});

describe("taskmesh up with more nodes than start at a time", { timeout: 180_000 }, () => {
  const firstGroup = `taskmesh: n1 to n${NODES_AT_A_TIME} run: ${NODES_AT_A_TIME} of ${MANY} nodes`;

  /** Starts it, and waits until it says `line`. */
  async function upUntil(line: string) {
    const child = startCli(["up", "--nodes", String(MANY)], env);
    const end = ended(child);
    started.push({ process: child, ended: end, gateway: "" });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await vi.waitFor(() => expect(said).toContain(line), { timeout: 60_000, interval: 10 });
    const family = await vi.waitFor(() => {
      const found = descendantsOf(child.pid ?? 0);
      expect(found.length).toBeGreaterThan(NODES_AT_A_TIME);
      return found.map(({ pid }) => pid);
    });
    return { child, end, family };
  }

  test("founds the mesh with the first of them, which the others join, and says how far it is", async () => {
    const mesh = await up(["--nodes", String(MANY)]);

    await vi.waitFor(async () => {
      const active = (await workersOf(mesh)).filter(({ state }) => state === "active");
      expect(active).toHaveLength(MANY);
    }, WAIT);
    mesh.process.kill("SIGTERM");
    const { stderr } = await mesh.ended;
    expect(stderr).toContain(
      `taskmesh: starting ${MANY} nodes, ${NODES_AT_A_TIME} at a time\n${firstGroup}\n`,
    );
  });

  test("leaves no process behind when it is stopped in the middle of it", async () => {
    const { child, end, family } = await upUntil(firstGroup);

    child.kill("SIGINT");

    expect((await end).code).toBe(0);
    expect(family.filter(isRunning)).toEqual([]);
    expect(readdirSync(data).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  test("leaves no process behind when it is killed while its nodes load their code", async () => {
    const { child, family } = await upUntil("taskmesh: starting");

    child.kill("SIGKILL");

    await vi.waitFor(() => expect(family.filter(isRunning)).toEqual([]), WAIT);
  });
});
