// What the durable log costs: a batch appended and synced, a cold open, reads with and without the
// cache, and the checksum. node bench/run.mjs raft-storage.
import { open, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { crc32c } from "../src/raft/storage/crc32c.js";
import {
  type Entry,
  logIndex,
  openRaftStorage,
  type RaftStorage,
  term,
} from "../src/raft/index.js";

const ENTRY_BYTES = 200;
const BATCH_ENTRIES = 32;
const APPENDS = 1_000;
const LOG_ENTRIES = 200_000;
const NO_MEMBERS = { voters: [], outgoing: [], learners: [], learnersNext: [] };

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function batch(from: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: logIndex(from + at),
    term: term(1),
    kind: "command",
    data: Buffer.alloc(ENTRY_BYTES, from + at),
  }));
}

async function append(storage: RaftStorage, entries: readonly Entry[]): Promise<void> {
  const parts = { hardState: undefined, snapshotChunk: undefined, messagesAfter: [] };
  await storage.write([{ sequence: 1, entries, ...parts }]);
}

function quantiles(samples: number[]): string {
  samples.sort((a, b) => a - b);
  const at = (share: number) => (samples[Math.floor(samples.length * share)] ?? 0).toFixed(3);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The floor: the same bytes, one write and one fdatasync. */
async function benchBareFile(file: string): Promise<void> {
  const handle = await open(file, "w");
  const bytes = Buffer.alloc(BATCH_ENTRIES * (ENTRY_BYTES + 32), 1);
  const samples: number[] = [];
  for (let turn = 0; turn < APPENDS; turn += 1) {
    samples.push(
      await timed(async () => {
        await handle.write(bytes, 0, bytes.byteLength, turn * bytes.byteLength);
        await handle.datasync();
      }),
    );
  }
  await handle.close();
  say(`bare write and fdatasync of ${bytes.byteLength} B: ${quantiles(samples)}`);
}

async function benchAppend(dir: string): Promise<void> {
  const storage = await openRaftStorage({ dir });
  await storage.initialise({ serverId: "a", meshId: "bench" }, NO_MEMBERS);
  const samples: number[] = [];
  for (let turn = 0; turn < APPENDS; turn += 1) {
    const entries = batch(turn * BATCH_ENTRIES + 1, BATCH_ENTRIES);
    samples.push(await timed(() => append(storage, entries)));
  }
  await storage.close();
  say(`append of ${BATCH_ENTRIES} × ${ENTRY_BYTES} B, synced: ${quantiles(samples)}`);
}

async function benchOpenAndRead(dir: string): Promise<void> {
  let storage = await openRaftStorage({ dir });
  await storage.initialise({ serverId: "a", meshId: "bench" }, NO_MEMBERS);
  for (let from = 1; from <= LOG_ENTRIES; from += 2_000) await append(storage, batch(from, 2_000));
  const readAll = () => {
    for (let from = 1; from <= LOG_ENTRIES;) {
      from += storage.entries(logIndex(from), logIndex(LOG_ENTRIES + 1), 256 * 1024).length;
    }
  };
  say(`${LOG_ENTRIES} entries read from memory: ${(await timed(readAll)).toFixed(0)} ms`);
  await storage.close();
  const openMs = await timed(async () => {
    storage = await openRaftStorage({ dir });
  });
  say(`open with ${LOG_ENTRIES} entries of ${ENTRY_BYTES} B: ${openMs.toFixed(0)} ms`);
  say(`${LOG_ENTRIES} entries read from the files: ${(await timed(readAll)).toFixed(0)} ms`);
  await storage.close();
}

async function benchChecksum(): Promise<void> {
  const bytes = Buffer.alloc(64 * 1024 * 1024, 7);
  const ms = await timed(() => crc32c(bytes));
  say(`CRC-32C: ${(bytes.byteLength / ms / 1_000).toFixed(0)} MB/s`);
}

const folder = await mkdtemp(path.join(process.env["TASKMESH_DATA"] ?? tmpdir(), "bench-raft-"));
try {
  await benchChecksum();
  await benchBareFile(path.join(folder, "bare"));
  await benchAppend(path.join(folder, "append"));
  await benchOpenAndRead(path.join(folder, "open"));
} finally {
  await rm(folder, { recursive: true, force: true });
}
