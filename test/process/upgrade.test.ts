// A release beside the one before it: a mesh keeps to what all its members understand, and an old release is
// told by name why it cannot take part any more. The later release is this one, built with a higher version.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { SPOKEN_VERSION } from "../../src/queue/state/mesh-version.js";
import { buildCli, packageRoot, plainEnvironment } from "../cli/built-cli.js";
import { freePorts } from "../support/free-ports.js";
import { RedisServer } from "../support/redis-server.js";
import { MeshHttp } from "../support/mesh-http.js";
import { waitFor } from "../support/wait-for.js";

const PATIENCE_MS = 60_000;
const IDS = ["n1", "n2", "n3"];
const NEXT = SPOKEN_VERSION + 1;

let folder: string;
let redis: RedisServer;
let http: MeshHttp;
let environment: NodeJS.ProcessEnv;
let ports: readonly number[];
let laterRelease: string;
const children = new Map<string, { readonly child: ChildProcess; said: string }>();

beforeAll(() => buildCli(), 120_000);
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-upgrade-"));
  redis = await RedisServer.start();
  ports = await freePorts(1 + IDS.length);
  http = new MeshHttp(`http://127.0.0.1:${ports[0] ?? 0}`);
  environment = plainEnvironment({
    REDIS_URL: redis.url,
    TASKMESH_DATA: path.join(folder, "data"),
    TASKMESH_GATEWAY_PORT: String(ports[0]),
  });
  laterRelease = buildLaterRelease();
});
afterEach(async () => {
  await Promise.all([...children.keys()].map((name) => end(name)));
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
}, PATIENCE_MS);

/** This release's build, in a folder of its own, with the one number counted up. */
function buildLaterRelease(): string {
  const root = path.join(folder, "later");
  cpSync(path.join(packageRoot, "dist"), path.join(root, "dist"), { recursive: true });
  for (const name of ["node_modules", "proto", "src", "package.json"]) {
    symlinkSync(path.join(packageRoot, name), path.join(root, name));
  }
  const file = path.join(root, "dist/queue/state/mesh-version.js");
  const text = readFileSync(file, "utf8");
  const counted = text.replace(/SPOKEN_VERSION = \d+/, `SPOKEN_VERSION = ${NEXT}`);
  expect(counted).not.toBe(text);
  writeFileSync(file, counted);
  return root;
}

function start(name: string, release: string, args: readonly string[]): void {
  const child = spawn(process.execPath, [path.join(release, "dist/cli/child.js"), ...args], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const entry = { child, said: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Buffer) => (entry.said += bytes.toString()));
  }
  children.set(name, entry);
}

function startNode(id: string, release: string): void {
  const port = String(ports[1 + IDS.indexOf(id)]);
  start(id, release, ["node", "--id", id, "--port", port]);
}

async function end(name: string): Promise<void> {
  const child = children.get(name)?.child;
  children.delete(name);
  if (child === undefined || child.exitCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}

const whole = (): Promise<unknown> =>
  waitFor(
    "three nodes take work",
    async () => {
      const workers = await http.workers();
      return workers.filter(({ state }) => state === "active").length === IDS.length;
    },
    PATIENCE_MS,
  );

const versionNow = async (): Promise<number> =>
  (await http.expectOk<{ readonly version: number }>("GET", "/cluster")).version;

test(
  "nodes are upgraded one by one under a mesh that goes on, and then none of before may come back",
  { timeout: 4 * PATIENCE_MS },
  async () => {
    for (const id of IDS) startNode(id, packageRoot);
    start("gateway", packageRoot, ["gateway"]);
    await whole();
    for (const id of IDS) {
      expect(await versionNow()).toBe(SPOKEN_VERSION);
      await end(id);
      startNode(id, laterRelease);
      await whole();
      const { id: task } = await http.submit({ type: "process", data: id });
      expect((await http.ended(task)).status).toBe("completed");
    }
    await waitFor("the later version is spoken", async () => (await versionNow()) === NEXT);

    await end("n1");
    startNode("n1", packageRoot);

    await waitFor(
      "the old release ends with a line",
      () =>
        children
          .get("n1")
          ?.said.includes(`this program understands up to version ${SPOKEN_VERSION}`),
      PATIENCE_MS,
    );
    await waitFor("its process has ended", () => children.get("n1")?.child.exitCode === 1);
    expect(await versionNow()).toBe(NEXT);
  },
);
