// A file system whose machine can lose power: of what was not synced, bytes (by the sector) and names
// (created, renamed, removed) each reach the disk or do not, in any combination.
import { open, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import type { FileSystem } from "../../../src/raft/index.js";
import { nodeFileSystem, type OpenFile, type OpenMode } from "../../../src/raft/storage/index.js";
import { readWhole } from "../../../src/raft/storage/file-system.js";
import { crashCopy } from "./support.js";

const SECTOR_BYTES = 64;

interface UnsyncedWrite {
  readonly file: LossyFile;
  readonly position: number;
  /** What stood there before, as far as the file reached. */
  readonly before: Buffer;
  readonly sizeBefore: number;
  readonly length: number;
}

type UnsyncedName =
  | { readonly kind: "created"; readonly name: string }
  | { readonly kind: "renamed"; readonly from: string; readonly to: string }
  | { readonly kind: "removed"; readonly name: string; readonly bytes: Buffer };

export class PowerLoss extends Error {
  override readonly name = "PowerLoss";
}

export class LossyDisk implements FileSystem {
  /** Steps until the power is gone. */
  stepsLeft = Infinity;
  writes: UnsyncedWrite[] = [];
  #names: UnsyncedName[] = [];
  readonly #files = new Set<LossyFile>();

  /** @throws PowerLoss */
  step(): void {
    if (this.stepsLeft <= 0) throw new PowerLoss("the power is gone");
    this.stepsLeft -= 1;
  }

  async open(file: string, mode: OpenMode): Promise<OpenFile> {
    if (mode === "create") {
      this.step();
      this.#forget(file);
      this.#names.push({ kind: "created", name: file });
    }
    const opened = new LossyFile(this, file, await nodeFileSystem.open(file, mode));
    this.#files.add(opened);
    return opened;
  }

  list(dir: string): Promise<readonly string[]> {
    return nodeFileSystem.list(dir);
  }

  async rename(from: string, to: string): Promise<void> {
    this.step();
    await nodeFileSystem.rename(from, to);
    for (const file of this.#files) if (file.name === from) file.name = to;
    this.#names.push({ kind: "renamed", from, to });
  }

  async remove(name: string): Promise<void> {
    this.step();
    const bytes = await readWhole(nodeFileSystem, name);
    await nodeFileSystem.remove(name);
    this.#forget(name);
    this.#names.push({ kind: "removed", name, bytes });
  }

  /** What is written to a file that is removed is of no more interest. */
  #forget(name: string): void {
    for (const file of this.#files) if (file.name === name) this.#files.delete(file);
    this.writes = this.writes.filter(({ file }) => file.name !== name);
  }

  createFolder(dir: string): Promise<void> {
    return nodeFileSystem.createFolder(dir);
  }

  async syncFolder(dir: string): Promise<void> {
    this.step();
    await nodeFileSystem.syncFolder(dir);
    this.#names = [];
  }

  exists(file: string): boolean {
    return nodeFileSystem.exists(file);
  }

  touch(file: string): Promise<void> {
    return nodeFileSystem.touch(file);
  }

  changedAtMs(file: string): Promise<number | undefined> {
    return nodeFileSystem.changedAtMs(file);
  }

  /** The folder as it is found when the power is back. */
  async afterPowerLoss(dir: string, random: () => number): Promise<string> {
    const copy = await crashCopy(dir);
    const inCopy = (file: string) => path.join(copy, path.basename(file));
    for (const write of this.writes.toReversed())
      await lose(write, inCopy(write.file.name), random);
    for (const name of this.#names.toReversed()) {
      if (random() < 0.5) continue;
      switch (name.kind) {
        case "created":
          await rm(inCopy(name.name), { force: true });
          break;
        case "renamed":
          await rename(inCopy(name.to), inCopy(name.from)).catch(() => undefined);
          break;
        case "removed":
          await writeFile(inCopy(name.name), name.bytes);
          break;
      }
    }
    return copy;
  }
}

class LossyFile implements OpenFile {
  readonly #disk: LossyDisk;
  readonly #file: OpenFile;
  readonly sizeBytes: number;
  #length: number;

  constructor(
    disk: LossyDisk,
    public name: string,
    file: OpenFile,
  ) {
    this.#disk = disk;
    this.#file = file;
    this.sizeBytes = file.sizeBytes;
    this.#length = file.sizeBytes;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#disk.step();
    const before = Buffer.alloc(Math.max(0, Math.min(bytes.byteLength, this.#length - position)));
    await this.#file.read(before, position);
    await this.#file.write(bytes, position);
    const { byteLength: length } = bytes;
    this.#disk.writes.push({ file: this, position, before, sizeBefore: this.#length, length });
    this.#length = Math.max(this.#length, position + length);
  }

  async sync(): Promise<void> {
    this.#disk.step();
    await this.#file.sync();
    this.#disk.writes = this.#disk.writes.filter(({ file }) => file !== this);
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#disk.step();
    await this.#file.truncate(sizeBytes);
    this.#length = sizeBytes;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#file.read(into, position);
  }

  readSync(into: Uint8Array, position: number): number {
    return this.#file.readSync(into, position);
  }

  tryLock() {
    return this.#file.tryLock();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Takes sectors of a write back, and perhaps the growth of the file. */
async function lose(write: UnsyncedWrite, file: string, random: () => number): Promise<void> {
  if ((await stat(file).catch(() => undefined)) === undefined) return;
  const handle = await open(file, "r+");
  const old = Buffer.alloc(write.length);
  write.before.copy(old);
  for (let at = 0; at < write.length; at += SECTOR_BYTES) {
    if (random() < 0.5) continue;
    const length = Math.min(SECTOR_BYTES, write.length - at);
    await handle.write(old, at, length, write.position + at);
  }
  await handle.close();
  if (random() < 0.3) {
    const grown = write.position + write.length - write.sizeBefore;
    await truncate(file, write.sizeBefore + Math.floor(random() * Math.max(0, grown)));
  }
}
