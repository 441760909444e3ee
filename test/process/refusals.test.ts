// What `taskmesh up` says where it cannot start: one line, an exit code, and nothing left running.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildCli, ended, startCli } from "../cli/built-cli.js";
import { freePorts, isFree } from "../support/free-ports.js";
import { descendantsOf } from "../support/process-tree.js";

const OK = 0;

let folder: string;
let ports: number[];
beforeAll(() => buildCli(), 120_000);
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-refused-"));
  ports = await freePorts(4);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function environment(): NodeJS.ProcessEnv {
  return {
    TASKMESH_GATEWAY_PORT: String(ports[0]),
    TASKMESH_GRPC_PORT: String(ports[1]),
    TASKMESH_DATA: path.join(folder, "data"),
  };
}

/** Runs `up` to its end and looks for what it leaves behind. */
async function refused(args: readonly string[], env: NodeJS.ProcessEnv = environment()) {
  const child: ChildProcess = startCli(["up", ...args], env);
  const children = new Set<number>();
  const watch = setInterval(() => {
    for (const { pid } of descendantsOf(child.pid ?? 0)) children.add(pid);
  }, 100);
  const result = await ended(child);
  clearInterval(watch);
  const left = [...children].filter((pid) => descendantsOf(pid).length > 0 || isAlive(pid));
  const lines = result.stderr.trimEnd().split("\n");
  return { code: result.code, lines, left };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("up refuses, in one line and leaving nothing behind", () => {
  let holder: Server;
  let taken: number;
  beforeAll(async () => {
    [taken = 0] = await freePorts(1);
    holder = createServer().listen(taken, "127.0.0.1");
    await once(holder, "listening");
  });
  afterAll(() => void holder.close());

  /** It names this process where the system tells. */
  const takenLine = (setting: string): string => {
    const by = process.platform === "linux" ? ` by pid ${process.pid} \\(.+\\)` : "";
    const line = `^taskmesh: port ${taken} on 127.0.0.1 is taken${by} \\(${setting} chooses another\\)$`;
    return expect.stringMatching(new RegExp(line)) as string;
  };

  test("a gateway port that is taken", async () => {
    const env = { ...environment(), TASKMESH_GATEWAY_PORT: String(taken) };

    const { code, lines, left } = await refused([], env);

    expect(lines).toEqual([takenLine("TASKMESH_GATEWAY_PORT or gateway.port")]);
    expect(code).not.toBe(OK);
    expect(left).toEqual([]);
  });

  test("a node's port that is taken", async () => {
    const env = { ...environment(), TASKMESH_GRPC_PORT: String(taken) };

    const { code, lines, left } = await refused([], env);

    expect(lines).toEqual([takenLine("TASKMESH_GRPC_PORT or nodes.grpcPort")]);
    expect(code).not.toBe(OK);
    expect(left).toEqual([]);
  });

  test("a REDIS_URL where nobody answers", async () => {
    const env = { ...environment(), REDIS_URL: "redis://127.0.0.1:1" };

    const { code, lines, left } = await refused([], env);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("Redis at redis://127.0.0.1:1 does not answer (ECONNREFUSED)");
    expect(code).not.toBe(OK);
    expect(left).toEqual([]);
    expect(await Promise.all(ports.map(isFree))).toEqual([true, true, true, true]);
  });

  test("a flag that it does not know", async () => {
    const { code, lines, left } = await refused(["--nods", "5"]);

    expect(lines).toEqual([expect.stringContaining("unknown option '--nods'")]);
    expect(code).not.toBe(OK);
    expect(left).toEqual([]);
  });

  test("a value of the config that is out of bounds, by file, line and path", async () => {
    const file = path.join(folder, "cluster.config.json");
    writeFileSync(file, '{\n  "nodes": { "count": 99 }\n}\n');

    const { code, lines, left } = await refused(["--config", file]);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("cluster.config.json:2:");
    expect(lines[0]).toContain("nodes.count = 99");
    expect(code).not.toBe(OK);
    expect(left).toEqual([]);
  });

  test("a handler module that does not exist", async () => {
    const file = path.join(folder, "cluster.config.json");
    writeFileSync(file, '{ "worker": { "handlers": "./absent.mjs" } }');

    const { code, lines, left } = await refused(["--config", file]);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("absent.mjs");
    expect(code).not.toBe(OK);
    expect(left).toEqual([]);
    expect(await Promise.all(ports.map(isFree))).toEqual([true, true, true, true]);
  });
});
