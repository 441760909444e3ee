// The lock under setup and data folder: one holder at a time, and none after its process is dead.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isAlive, startTimeOf, tryLock } from "../../src/bootstrap/process-lock.mjs";

const module = new URL("../../src/bootstrap/process-lock.mjs", import.meta.url).href;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function processThatLocks(): Promise<ChildProcess> {
  const script = `
    const { tryLock } = await import(${JSON.stringify(module)});
    console.log(tryLock(${JSON.stringify(folder)}, "up").kind);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output] = (await once(child.stdout, "data")) as [Buffer];
  expect(output.toString().trim()).toBe("taken");
  return child;
}

describe("a process lock", () => {
  test("is held by one, who is named to the others, until it is released", () => {
    const first = tryLock(folder, "up");
    const second = tryLock(folder, "up");
    expect(first.kind).toBe("taken");
    expect(second).toMatchObject({ kind: "held", by: { pid: process.pid } });

    if (first.kind === "taken") first.lock.release();

    const third = tryLock(folder, "up");
    expect(third.kind).toBe("taken");
    if (third.kind === "taken") third.lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("of another name is another lock", () => {
    const locks = [tryLock(folder, "up"), tryLock(folder, "setup")];

    expect(locks.map((lock) => lock.kind)).toEqual(["taken", "taken"]);
    for (const lock of locks) if (lock.kind === "taken") lock.lock.release();
  });

  test("dies with its process, also when that is killed outright", async () => {
    const holder = await processThatLocks();
    expect(tryLock(folder, "up")).toMatchObject({ kind: "held", by: { pid: holder.pid } });

    holder.kill("SIGKILL");
    await once(holder, "exit");

    const next = tryLock(folder, "up");
    expect(next.kind).toBe("taken");
    if (next.kind === "taken") next.lock.release();
  });

  test("tells a process from a later one of the same pid", () => {
    const startedAt = startTimeOf(process.pid) ?? "";

    expect(isAlive({ pid: process.pid, startedAt })).toBe(true);
    expect(isAlive({ pid: process.pid, startedAt: `${startedAt}1` })).toBe(false);
  });
});
