// The lock under setup and data folder: one holder at a time, and none after its process is dead.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  describeHolder,
  isAlive,
  startTimeOf,
  tryLock,
  waitForLock,
} from "../../src/bootstrap/process-lock.mjs";

const module = new URL("../../src/bootstrap/process-lock.mjs", import.meta.url).href;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const unshare = ["--pid", "--fork", "--kill-child", "--mount-proc"];
const mayUnshare = spawnSync("unshare", [...unshare, "true"]).status === 0;

async function processThatLocks(wrapper: readonly string[] = []): Promise<ChildProcess> {
  const script = `
    const { tryLock } = await import(${JSON.stringify(module)});
    console.log((await tryLock(${JSON.stringify(folder)}, "up")).kind);
    setInterval(() => undefined, 1000);`;
  const node = [process.execPath, "--input-type=module", "-e", script];
  const [program = "", ...args] = [...wrapper, ...node];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [output] = (await once(child.stdout, "data")) as [Buffer];
  expect(output.toString().trim()).toBe("taken");
  return child;
}

describe("a process lock", () => {
  test("is held by one, who is named to the others, until it is released", async () => {
    const first = await tryLock(folder, "up");
    const second = await tryLock(folder, "up");
    expect(first.kind).toBe("taken");
    expect(second).toMatchObject({ kind: "held", by: { pid: process.pid } });

    if (first.kind === "taken") first.lock.release();

    const third = await tryLock(folder, "up");
    expect(third.kind).toBe("taken");
    if (third.kind === "taken") third.lock.release();
    expect(readdirSync(folder).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  test("of another name is another lock", async () => {
    const locks = [await tryLock(folder, "up"), await tryLock(folder, "setup")];

    expect(locks.map((lock) => lock.kind)).toEqual(["taken", "taken"]);
    for (const lock of locks) if (lock.kind === "taken") lock.lock.release();
  });

  test("dies with its process, also when that is killed outright", async () => {
    const holder = await processThatLocks();
    expect(await tryLock(folder, "up")).toMatchObject({ kind: "held", by: { pid: holder.pid } });

    holder.kill("SIGKILL");
    await once(holder, "exit");

    const next = await tryLock(folder, "up");
    expect(next.kind).toBe("taken");
    if (next.kind === "taken") next.lock.release();
  });

  test.skipIf(!mayUnshare)(
    "is held by a process in another container, until that ends (needs `unshare --pid`, as root)",
    async () => {
      const holder = await processThatLocks(["unshare", ...unshare]);
      const refused = await tryLock(folder, "up");
      expect(refused.kind).toBe("held");
      if (refused.kind === "held") expect(describeHolder(refused.by)).toContain("container");

      holder.kill("SIGKILL");

      const next = await waitForLock(folder, "up", () => undefined);
      next.release();
    },
  );

  test("that another one took from a process that stood still is known to be lost", async () => {
    const attempt = await tryLock(folder, "up");
    if (attempt.kind !== "taken") throw new Error("the folder is new");
    for (const name of readdirSync(folder)) rmSync(path.join(folder, name));

    await expect(attempt.lock.lost).resolves.toBeUndefined();
    attempt.lock.release();
  });

  test("tells a process from a later one of the same pid", () => {
    const startedAt = startTimeOf(process.pid) ?? "";

    expect(isAlive({ pid: process.pid, startedAt })).toBe(true);
    expect(isAlive({ pid: process.pid, startedAt: `${startedAt}1` })).toBe(false);
  });
});
