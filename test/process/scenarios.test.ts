// Scenarios as a shell sees them: the figures, the verdict, and nothing left behind.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { buildCli, cli, type Ended, isRunning, startCli } from "../cli/built-cli.js";
import { descendantsOf } from "../support/process-tree.js";
import { waitFor } from "../support/wait-for.js";

interface Report {
  readonly scenario: string;
  readonly held: boolean;
  readonly figures: Readonly<Record<string, number>>;
  readonly promises: readonly { readonly promise: string; readonly held: boolean }[];
}

/** Scenarios make their folders here, so that what they leave behind can be seen. */
const temporary = mkdtempSync(path.join(tmpdir(), "taskmesh-scenarios-"));
const env = { TMPDIR: temporary };

beforeAll(() => buildCli(), 120_000);
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
afterEach(() => expect(readdirSync(temporary)).toEqual([]));

function reportOf({ code, stdout, stderr }: Ended): Report {
  if (code !== 0) throw new Error(`exit code ${String(code)}: ${stderr}${stdout}`);
  return JSON.parse(stdout) as Report;
}

describe("taskmesh scenario", { timeout: 120_000 }, () => {
  test("kill-worker shows how soon the tasks of a killed node run elsewhere", async () => {
    const ended = await cli(["scenario", "kill-worker", "--tasks", "12", "--json"], env);

    const { scenario, held, figures, promises } = reportOf(ended);
    expect([scenario, held]).toEqual(["kill-worker", true]);
    expect(figures).toMatchObject({ tasks: 12, lostTasks: expect.any(Number) as number });
    expect(figures["lostTasks"]).toBeGreaterThan(0);
    expect(figures["redistributedMaxMs"]).toBeGreaterThan(0);
    expect(promises.length).toBeGreaterThan(2);
    expect(ended.stderr).toMatch(/kill -9 n\d, which runs \d+ of them/);
  });

  test("priority shows that high tasks overtake, and that each kind keeps its order", async () => {
    const { held, figures } = reportOf(
      await cli(["scenario", "priority", "--tasks", "24", "--json"], env),
    );

    expect(held).toBe(true);
    expect(figures).toMatchObject({ normalTasks: 18, highTasks: 6 });
    expect(figures["overtakenTasks"]).toBeGreaterThan(0);
  });

  test("ends everything that it started when it is told to stop", async () => {
    const child = startCli(["scenario", "kill-worker", "--task-ms", "60000", "--json"], env);
    let story = "";
    child.stderr?.on("data", (chunk: Buffer) => (story += chunk.toString()));
    const code = new Promise<number | null>((resolve) => child.once("close", resolve));
    await waitFor("a node is killed", () => story.includes("kill -9"), 90_000);
    const family = descendantsOf(child.pid ?? 0).map(({ pid }) => pid);
    expect(family.length).toBeGreaterThan(3);

    child.kill("SIGINT");

    expect(await code).toBe(1);
    expect(story).toContain("taskmesh: stopped before the scenario was over");
    expect(family.filter(isRunning)).toEqual([]);
  });

  test.each([
    [["scenario"], "no scenario is named: give one of kill-worker, "],
    [["scenario", "kill-all"], "there is no scenario kill-all: give one of kill-worker, "],
    [["scenario", "kill-worker", "--tasks", "0"], "--tasks 0: give an integer from 1 to "],
  ])("%j gets one line and exit code 2", async (args, line) => {
    const { code, stdout, stderr } = await cli(args);

    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`taskmesh: ${line}`);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  test("without a Redis server says so in one line", async () => {
    const missing = { ...env, TASKMESH_REDIS_SERVER: "/nowhere/redis-server" };
    const { code, stderr } = await cli(["scenario", "kill-worker"], missing);

    expect(code).toBe(1);
    expect(stderr).toBe(
      "taskmesh: TASKMESH_REDIS_SERVER = /nowhere/redis-server: no such program; name one or unset it\n",
    );
  });
});
