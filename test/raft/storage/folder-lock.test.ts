// A data folder has one process, wherever the processes are: in containers of one machine, on hosts
// that share a volume, frozen for longer than others wait.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  DataFolderLocked,
  DataFolderLost,
  type FileSystem,
  openRaftStorage,
} from "../../../src/raft/index.js";
import { nodeFileSystem } from "../../../src/raft/storage/index.js";
import { ownHolder } from "../../../src/raft/storage/lock-holder.js";
import { buildCli, packageRoot } from "../../cli/built-cli.js";
import { contents, entries, newFolder, openNew, withStorage, write } from "./support.js";

const RENEW_MS = 100;
const unshare = ["--pid", "--fork", "--kill-child", "--mount-proc"];
const mayUnshare = spawnSync("unshare", [...unshare, "true"]).status === 0;

/** As on a volume whose locks do not reach other hosts. */
const withoutKernelLock: FileSystem = {
  ...nodeFileSystem,
  open: async (file, mode) => {
    const opened = await nodeFileSystem.open(file, mode);
    return Object.assign(opened, { tryLock: () => "unsupported" as const });
  },
};

/** Puts down the lock of a process on another host. */
async function lockOfAnotherHost(dir: string): Promise<string> {
  const file = path.join(dir, "lock-7-0123456789abcdef");
  const holder = { ...ownHolder(true), pid: 7, bootId: "another", host: "host-b" };
  await nodeFileSystem.createFolder(dir);
  await writeFile(file, JSON.stringify(holder));
  return file;
}

async function ownLockFile(dir: string): Promise<string> {
  const names = await readdir(dir);
  return path.join(dir, names.find((name) => name.startsWith("lock-")) ?? "");
}

/** A process that opens the folder, then appends an entry for each line that it reads. */
class Opener {
  readonly #lines: AsyncIterator<string>;
  private constructor(readonly child: ChildProcess) {
    if (child.stdout === null) throw new Error("a child has an output");
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    onTestFinished(() => void child.kill("SIGKILL"));
  }

  static start(dir: string, how: { wrapper?: readonly string[]; kernelLock?: boolean }): Opener {
    const module = new URL("dist/raft/storage/index.js", `file://${packageRoot}`).href;
    const script = `
      const { nodeFileSystem, openRaftStorage } = await import(${JSON.stringify(module)});
      const files = ${how.kernelLock !== false} ? nodeFileSystem : { ...nodeFileSystem,
        open: async (file, mode) => Object.assign(await nodeFileSystem.open(file, mode),
          { tryLock: () => "unsupported" }) };
      const storage = await openRaftStorage({ dir: ${JSON.stringify(dir)}, files })
        .catch((error) => { console.log(error.name + ": " + error.message); process.exit(1); });
      console.log("open");
      process.stdin.on("data", () => {
        const index = storage.lastIndex() + 1;
        const data = Buffer.from("late");
        storage.write([{ sequence: 1, entries: [{ index, term: 1, kind: "command", data }],
          messagesAfter: [] }]).then(() => console.log("written"), (error) => console.log(error.name));
      });`;
    const node = [process.execPath, "--input-type=module", "-e", script];
    const [program = "", ...args] = [...(how.wrapper ?? []), ...node];
    return new Opener(spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] }));
  }

  async says(): Promise<string> {
    const { value } = (await this.#lines.next()) as { value: string | undefined };
    return value ?? "";
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }
}

describe("a data folder", () => {
  test("is refused to a process while one on another host renews its lock, which is named", async () => {
    const dir = await newFolder();
    await openNew(dir).then((storage) => storage.close());
    const file = await lockOfAnotherHost(dir);
    const renewal = setInterval(() => void nodeFileSystem.touch(file), RENEW_MS);
    onTestFinished(() => clearInterval(renewal));

    const refused: unknown = await openRaftStorage({ dir }).catch((error: unknown) => error);

    expect(refused).toBeInstanceOf(DataFolderLocked);
    expect(refused).toMatchObject({
      message: expect.stringContaining("7 on host host-b") as string,
    });
  });

  test("is taken over from a process elsewhere that renews its lock no more", async () => {
    const dir = await newFolder();
    await openNew(dir).then((storage) => storage.close());
    const file = await lockOfAnotherHost(dir);

    await withStorage(dir, ({ identity }) => expect(identity?.serverId).toBe("a"));

    await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("is written no more by a holder whose lock was removed, and its node is told", async () => {
    const dir = await newFolder();
    const storage = await openNew(dir);
    await storage.write([write({ entries: entries(1, 2) })]);
    const log = path.join(dir, "log-000000000001");
    const before = await readFile(log);
    await rm(await ownLockFile(dir));

    const refused = storage.write([write({ entries: entries(3, 3) })]);

    await expect(refused).rejects.toBeInstanceOf(DataFolderLost);
    expect(storage.lost.reason).toBeInstanceOf(DataFolderLost);
    expect(await readFile(log)).toEqual(before);
    await storage.close();
  });

  test("whose lock was removed is found out without a write, too", async () => {
    const dir = await newFolder();
    const storage = await openNew(dir);
    const lost = once(storage.lost, "abort");
    await rm(await ownLockFile(dir));

    await lost;

    expect(storage.lost.reason).toBeInstanceOf(DataFolderLost);
    await storage.close();
  });

  test("without locks of the kernel has one process all the same", async () => {
    const dir = await newFolder();
    const storage = await openNew(dir, { files: withoutKernelLock });

    await expect(openRaftStorage({ dir, files: withoutKernelLock })).rejects.toBeInstanceOf(
      DataFolderLocked,
    );
    await storage.close();
    await withStorage(dir, () => undefined, { files: withoutKernelLock });
  });
});

describe("a process", () => {
  beforeAll(buildCli, 300_000);

  test("that was frozen, and whose folder another host took, ends without having written", async () => {
    const dir = await newFolder();
    await openNew(dir).then((storage) => storage.close());
    const frozen = Opener.start(dir, { kernelLock: false });
    expect(await frozen.says()).toBe("open");
    const lock = await ownLockFile(dir);
    const holder = JSON.parse(await readFile(lock, "utf8")) as object;
    await writeFile(lock, JSON.stringify({ ...holder, bootId: "another" }));
    frozen.child.kill("SIGSTOP");
    const next = await openRaftStorage({ dir, files: withoutKernelLock });
    await next.write([write({ entries: entries(1, 2) })]);
    const written = contents(next);

    frozen.child.stdin?.write("write\n");
    frozen.child.kill("SIGCONT");

    expect(await frozen.says()).toBe("DataFolderLost");
    await next.close();
    expect(await withStorage(dir, contents)).toEqual(written);
  });

  test("that was killed leaves its folder to the next one at once", async () => {
    const dir = await newFolder();
    await openNew(dir).then((storage) => storage.close());
    const killed = Opener.start(dir, {});
    expect(await killed.says()).toBe("open");
    await expect(openRaftStorage({ dir })).rejects.toMatchObject({ pid: killed.child.pid });
    const lock = await ownLockFile(dir);

    await killed.kill();

    // Not by watching it: that would see it renewed.
    const renewal = setInterval(() => void nodeFileSystem.touch(lock).catch(() => undefined), 50);
    onTestFinished(() => clearInterval(renewal));
    await withStorage(dir, ({ identity }) => expect(identity?.serverId).toBe("a"));
  });

  test.skipIf(!mayUnshare)(
    "in another container is refused, or found dead at once (needs `unshare --pid`, as root)",
    async () => {
      const dir = await newFolder();
      await openNew(dir).then((storage) => storage.close());
      const first = Opener.start(dir, { wrapper: ["unshare", ...unshare] });
      expect(await first.says()).toBe("open");
      const lock = await ownLockFile(dir);

      const second = Opener.start(dir, { wrapper: ["unshare", ...unshare] });

      expect(await second.says()).toMatch(/^DataFolderLocked: .* in another container: stop/);
      await expect(openRaftStorage({ dir })).rejects.toThrow("in another container");
      await first.kill();
      const renewal = setInterval(() => void nodeFileSystem.touch(lock).catch(() => undefined), 50);
      onTestFinished(() => clearInterval(renewal));
      // What runs in the container ends a moment after the program that made it.
      let said = "DataFolderLocked";
      while (said.startsWith("DataFolderLocked")) {
        said = await Opener.start(dir, { wrapper: ["unshare", ...unshare] }).says();
      }
      expect(said).toBe("open");
    },
  );

  test.skipIf(!mayUnshare)(
    "in another container is refused where the kernel offers no locks (needs `unshare --pid`, as root)",
    async () => {
      const dir = await newFolder();
      await openNew(dir).then((storage) => storage.close());
      const wrapper = ["unshare", ...unshare];
      const first = Opener.start(dir, { wrapper, kernelLock: false });
      expect(await first.says()).toBe("open");

      const second = Opener.start(dir, { wrapper, kernelLock: false });

      expect(await second.says()).toMatch(/^DataFolderLocked: .* in another container: stop/);
    },
  );
});
