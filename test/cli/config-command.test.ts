// `taskmesh config check` and `config show` as a shell sees them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildCli, cli } from "./built-cli.js";

let folder: string;
let file: string;
beforeAll(() => buildCli(), 120_000);
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-config-"));
  file = path.join(folder, "mine.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const config = (content: unknown) => writeFileSync(file, JSON.stringify(content, undefined, 2));

describe("taskmesh config check", () => {
  test("says what it has found valid", async () => {
    config({ nodes: { count: 5 } });

    const { code, stdout } = await cli(["config", "check", "--config", file]);

    expect([code, stdout]).toEqual([0, `valid: ${file} and the environment\n`]);
  });

  test("gives every fault a line of its own, of file and environment", async () => {
    config({ nodes: { count: 0, prot: 1 } });

    const { code, stdout, stderr } = await cli(["config", "check", "--config", file], {
      TASKMESH_GATEWAY_PROT: "1",
    });

    expect([code, stdout]).toEqual([1, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines.join()).toContain(`${file}:3:5 nodes.count = 0: is under 1`);
    expect(lines.join()).toContain("TASKMESH_GATEWAY_PROT");
  });
});

describe("taskmesh config show", () => {
  test("shows every value with where it comes from", async () => {
    config({ nodes: { count: 5 } });

    const { stdout } = await cli(["config", "show", "--config", file, "--json"], {
      TASKMESH_GATEWAY_PORT: "5123",
    });

    const shown = JSON.parse(stdout) as { file: string; values: Record<string, unknown> };
    expect(shown.file).toBe(file);
    expect(shown.values).toMatchObject({
      "nodes.count": { value: 5, kind: "file", place: `${file}:3:5` },
      "gateway.port": { value: 5123, kind: "environment", place: "TASKMESH_GATEWAY_PORT" },
      "worker.concurrency": { value: 20, kind: "default" },
    });
  });

  test("shows no password, in whatever form it was given", async () => {
    config({ redis: { sentinels: ["a:1"], sentinelPassword: "hidden1", password: "hidden2" } });
    const sentinels = await cli(["config", "show", "--config", file]);
    const url = await cli(["config", "show", "--set"], {
      REDIS_URL: "redis://me:hidden3@host:6379",
    });

    expect(sentinels.stdout + url.stdout).not.toContain("hidden");
    expect(sentinels.stdout).toMatch(/redis\.sentinelPassword +"\*\*\*" +\S*mine\.json:/);
    expect(url.stdout).toMatch(/redis\.url +"redis:\/\/me:\*\*\*@host:6379" +REDIS_URL/);
  });

  test("names what is set alone with --set", async () => {
    config({ nodes: { count: 5 } });

    const { stdout } = await cli(["config", "show", "--set", "--config", file]);

    expect(stdout.trimEnd().split("\n").slice(1)).toEqual([
      expect.stringMatching(/^KEY +VALUE +SOURCE$/),
      expect.stringMatching(/^nodes\.count +5 +\S+:3:5$/),
    ]);
  });
});
