// What `up` does with a child that fails, dies or will not stop.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pino } from "pino";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ChildSpec, SupervisedChild } from "../../src/cli/supervised-child.js";
import { isRunning } from "./built-cli.js";

const lines: string[] = [];
const logger = pino({}, { write: (line: string) => void lines.push(line) });
const children: SupervisedChild[] = [];
afterEach(() => {
  for (const child of children.splice(0)) void child.kill();
  lines.length = 0;
});

const LIVES = "setInterval(() => undefined, 1000)";

function childOf(script: string, more: Partial<ChildSpec> = {}): SupervisedChild {
  const child = new SupervisedChild(
    {
      name: "n1",
      args: ["-e", script],
      env: process.env,
      notReady: () => Promise.resolve(undefined),
      readyTimeoutMs: 60_000,
      stopTimeoutMs: 10_000,
      restart: true,
      ...more,
    },
    logger,
  );
  children.push(child);
  return child;
}

/** A child that lives until it is told to die, and each one after it dies at once. */
function mortal(): { readonly script: string; readonly die: () => void } {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "taskmesh-child-")), "die");
  const script = `setInterval(() => {
    if (require("node:fs").existsSync(${JSON.stringify(file)})) process.exit(7);
  }, 20)`;
  return { script, die: () => writeFileSync(file, "") };
}

describe("a supervised child", () => {
  test("that ends before it is ready fails the start with the line it sent", async () => {
    const script = `process.send({ kind: "failed", exitLine: "the port is taken" }, () => process.exit(1))`;

    const start = childOf(script, { notReady: () => Promise.resolve("not yet") }).start();

    await expect(start).rejects.toThrow("the port is taken");
  });

  test("that ends without a word is named", async () => {
    const start = childOf("process.exit(3)", {
      notReady: () => Promise.resolve("not yet"),
    }).start();

    await expect(start).rejects.toThrow("n1 ended before it was ready");
  });

  test("that dies is started again, and the log says so", async () => {
    let probes = 0;
    const notReady = () => Promise.resolve(++probes < 3 ? "starting" : undefined);
    const { script, die } = mortal();
    const child = childOf(script, { notReady });

    await child.start();
    die();

    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(1), { timeout: 20_000 });
    expect(lines[0]).toContain("n1 ended (exit code 7); starting it again in 0.2 s");
    expect(lines[1]).toContain("starting it again in 0.4 s");
  });

  test("that dies stays down where it was asked for", async () => {
    const { script, die } = mortal();
    const child = childOf(script, { restart: false });

    await child.start();
    die();

    await vi.waitFor(
      () => expect(lines.join()).toContain("n1 ended (exit code 7); it stays down"),
      {
        timeout: 20_000,
      },
    );
  });

  test("that ignores the request to stop is killed past the bound", async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), "taskmesh-child-")), "said");
    const said = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "");
    const script = `
      const { appendFileSync } = require("node:fs");
      process.on("SIGTERM", () => appendFileSync(${JSON.stringify(file)}, " no"));
      appendFileSync(${JSON.stringify(file)}, String(process.pid));
      ${LIVES}`;
    const child = childOf(script, {
      stopTimeoutMs: 300,
      notReady: () => Promise.resolve(said() === "" ? "starting" : undefined),
    });
    await child.start();
    const pid = Number(said());

    await child.stop();

    expect(said()).toBe(`${pid} no`);
    expect(isRunning(pid)).toBe(false);
    expect(lines).toEqual([]);
  });
});
