// What a start finds of others: who has its port, and who is left of the mesh that ran before.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { awaitLeftBehind } from "../../src/cli/left-behind.js";
import { checkPorts } from "../../src/cli/ports.js";
import { plainEnvironment } from "./built-cli.js";

const started: ChildProcess[] = [];
let folder: string;

beforeEach((context) => {
  if (process.platform !== "linux") context.skip("only Linux tells whose a port is");
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-left-"));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** A process that listens on a port of its own choice, named as a part of a mesh is. */
async function startListener(args: readonly string[], dataDir: string) {
  const script = path.join(folder, "child.js");
  writeFileSync(
    script,
    `const server = require("node:net").createServer().listen(0, "127.0.0.1", () => console.log(server.address().port));`,
  );
  const child = spawn(process.execPath, [script, ...args], {
    env: plainEnvironment({ TASKMESH_DATA: dataDir }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  const [output] = (await once(child.stdout, "data")) as [Buffer];
  return { child, port: Number(output.toString()) };
}

const claim = (port: number) => ({ host: "127.0.0.1", port, setting: "a setting" });
const SAY_NOTHING = (): void => undefined;

describe("a port that is taken", () => {
  test("is told with the process that has it", async () => {
    const { child, port } = await startListener(["node", "--id", "n1"], folder);

    await expect(checkPorts([claim(port)])).rejects.toThrow(
      `port ${port} on 127.0.0.1 is taken by pid ${child.pid} (${process.execPath} ${path.join(folder, "child.js")} node --id n1) (a setting chooses another)`,
    );
  });
});

describe("a part of the mesh that ran before", () => {
  test("is waited for, and its port is free then", async () => {
    const { child, port } = await startListener(["node", "--id", "n1"], folder);
    const say = vi.fn(() => void child.kill("SIGKILL"));

    await awaitLeftBehind(folder, say);

    expect(say).toHaveBeenCalledOnce();
    await expect(checkPorts([claim(port)])).resolves.toBeUndefined();
  });

  test("that does not end is told with its pid", async () => {
    const { child } = await startListener(["gateway"], folder);

    await expect(awaitLeftBehind(folder, SAY_NOTHING, 100)).rejects.toThrow(
      `end it with "kill -9 ${child.pid}"`,
    );
  });

  test.each([
    ["of another mesh", ["node"], "/another/folder"],
    ["that is no part of one", ["tasks"], undefined],
  ])("is no process %s", async (_which, args, dataDir) => {
    await startListener(args, dataDir ?? folder);

    await expect(awaitLeftBehind(folder, SAY_NOTHING, 100)).resolves.toBeUndefined();
  });
});
