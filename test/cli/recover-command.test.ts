// `taskmesh recover` and `backup` tell what is wrong in one line, and change nothing unasked.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { emptyMembership, nodeId, openRaftStorage } from "../../src/raft/index.js";
import { buildCli, cli, type Ended } from "./built-cli.js";

let folder: string;

beforeAll(() => buildCli(), 120_000);
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-recover-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...args: readonly string[]): Promise<Ended> => cli(args, { TASKMESH_DATA: folder });

/** Folder of n1, whose mesh had three voters; nothing listens where the others were. */
async function survivor(): Promise<void> {
  const storage = await openRaftStorage({ dir: path.join(folder, "nodes", "n1") });
  const voters = ["n1", "n2", "n3"].map((id) => ({ id: nodeId(id), address: "127.0.0.1:1" }));
  await storage.initialise({ serverId: "n1", meshId: "old" }, { ...emptyMembership, voters });
  await storage.close();
}

test("a folder without nodes is told, with what else there is", async () => {
  const { code, stderr } = await run("recover");

  expect(code).toBe(1);
  expect(stderr).toContain("has no node's folder");
  expect(stderr).toContain("--from-redis or --from-backup");
});

test("without --yes the plan is told and the folder is left alone", async () => {
  await survivor();

  const { code, stdout } = await run("recover");

  expect(code).toBe(0);
  expect(stdout).toContain("lost: what n2 and n3 decided without it, if anything");
  expect(stdout).toContain("voter n2 at 127.0.0.1:1 does not answer");
  expect(stdout).toContain("Nothing has been changed");
  const again = await run("recover", "--json");
  expect(JSON.parse(again.stdout)).toMatchObject({ meshId: "old", obstacle: null });
});

test("with --yes it is a mesh of one, and says what to do next", async () => {
  await survivor();

  const { code, stdout } = await run("recover", "--id", "n1", "--yes");

  expect(code).toBe(0);
  expect(stdout).toContain("alone.");
  expect(stdout).toContain("taskmesh node --id n1");
  expect(JSON.parse((await run("recover", "--json")).stdout)).toMatchObject({ others: [] });
});

test("a folder that is in use is not recovered", async () => {
  await survivor();
  const storage = await openRaftStorage({ dir: path.join(folder, "nodes", "n1") });

  const { code, stderr } = await run("recover", "--yes");

  await storage.close();
  expect(code).toBe(1);
  expect(stderr).toContain("is in use by");
});

test("a backup is unpacked where nothing is, and something else is no backup", async () => {
  await survivor();
  const file = path.join(folder, "backup.tgz");
  expect((await run("backup", file)).code).toBe(0);

  const there = await run("recover", "--from-backup", file);
  rmSync(path.join(folder, "nodes"), { recursive: true });
  const restored = await run("recover", "--from-backup", file);
  const none = await run("recover", "--from-backup", path.join(folder, "nodes", "n1", "identity"));

  expect(there.stderr).toContain("is not empty");
  expect(restored.stdout).toContain("n1 of mesh taskmesh");
  expect(readdirSync(path.join(folder, "nodes", "n1"))).toContain("identity");
  expect(none.stderr).toMatch(/cannot be read as a backup|is no backup/);
  expect(readdirSync(folder).filter((name) => name.startsWith(".backup"))).toEqual([]);
});

test("from Redis alone needs --yes, and a Redis", async () => {
  const asked = await run("recover", "--from-redis");
  const both = await run("recover", "--from-redis", "--from-backup", "x");

  expect(asked.code).toBe(2);
  expect(asked.stderr).toContain("the same with --yes");
  expect(both.code).toBe(2);
  expect((await run("recover", "--from-redis", "--yes")).stderr).toContain("no Redis is named");
});
