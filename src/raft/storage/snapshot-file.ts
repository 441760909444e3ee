// A snapshot on disk: the content, then what it is a snapshot of, then a trailer of fixed size
// (length and CRC-32C of the description, a mark). Content comes first so that a chunk's offset is
// its place in the file, and so that size and checksum need not be known before the end.
import path from "node:path";
import {
  decodeMembership,
  encodeMembership,
  InvariantViolation,
  logIndex,
  type SnapshotMeta,
  term,
} from "../core/index.js";
import { crc32c } from "./crc32c.js";
import { LogCorrupt } from "./errors.js";
import type { FileSystem, OpenFile } from "./file-system.js";

const TRAILER_BYTES = 16;
const MAGIC = Buffer.from("RAFTSNP\n", "latin1");
const NAME = /^snapshot-(\d{16})-(\d+)$/;
/** Of what one read takes from the disk. */
export const READ_BYTES = 1024 * 1024;

export interface SnapshotFile {
  readonly path: string;
  readonly file: OpenFile;
  readonly meta: SnapshotMeta;
}

export function snapshotPath(dir: string, meta: Pick<SnapshotMeta, "index" | "term">): string {
  return path.join(dir, `snapshot-${String(meta.index).padStart(16, "0")}-${meta.term}`);
}

/** Index of the snapshot in a file of that name; undefined for the name of something else. */
export function snapshotIndexOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Writes the description behind the content. */
export async function writeDescription(file: OpenFile, meta: SnapshotMeta): Promise<void> {
  const { index, term: snapshotTerm, sizeBytes, checksum } = meta;
  const membership = Buffer.from(encodeMembership(meta.membership)).toString("utf8");
  const json = JSON.stringify({ index, term: snapshotTerm, sizeBytes, checksum, membership });
  const description = Buffer.from(json);
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(description.byteLength, 0);
  trailer.writeUInt32LE(crc32c(description), 4);
  MAGIC.copy(trailer, 8);
  await file.write(Buffer.concat([description, trailer]), sizeBytes);
}

/**
 * Opens a snapshot and reads it once as a whole.
 * @throws LogCorrupt where anything in it is not as it was written.
 */
export async function openSnapshot(files: FileSystem, filePath: string): Promise<SnapshotFile> {
  const file = await files.open(filePath, "read");
  try {
    const meta = await readDescription(file, filePath);
    const checksum = await checksumOf(file, meta.sizeBytes);
    if (checksum !== meta.checksum) {
      throw new LogCorrupt(filePath, 0, "the snapshot does not match its checksum");
    }
    return { path: filePath, file, meta };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readDescription(file: OpenFile, filePath: string): Promise<SnapshotMeta> {
  const trailerAt = file.sizeBytes - TRAILER_BYTES;
  const damaged = (what: string) => new LogCorrupt(filePath, Math.max(trailerAt, 0), what);
  if (trailerAt < 0) throw damaged("the snapshot is cut short");
  const trailer = Buffer.alloc(TRAILER_BYTES);
  await file.read(trailer, trailerAt);
  const descriptionAt = trailerAt - trailer.readUInt32LE(0);
  if (!trailer.subarray(8).equals(MAGIC) || descriptionAt < 0) {
    throw damaged("the snapshot has no trailer");
  }
  const description = Buffer.alloc(trailerAt - descriptionAt);
  await file.read(description, descriptionAt);
  if (crc32c(description) !== trailer.readUInt32LE(4)) {
    throw damaged("the snapshot's description does not match its checksum");
  }
  const fields = JSON.parse(description.toString("utf8")) as Record<string, unknown>;
  const { index, term: snapshotTerm, sizeBytes, checksum, membership } = fields;
  if (
    typeof index !== "number" ||
    typeof snapshotTerm !== "number" ||
    typeof checksum !== "number" ||
    typeof membership !== "string" ||
    sizeBytes !== descriptionAt
  ) {
    throw damaged("the snapshot's description does not fit the file");
  }
  try {
    return {
      index: logIndex(index),
      term: term(snapshotTerm),
      membership: decodeMembership(Buffer.from(membership)),
      sizeBytes,
      checksum,
    };
  } catch (error) {
    if (error instanceof InvariantViolation) throw damaged(error.message);
    throw error;
  }
}

async function checksumOf(file: OpenFile, sizeBytes: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, sizeBytes));
  let checksum = 0;
  for (let at = 0; at < sizeBytes;) {
    const read = await file.read(buffer.subarray(0, Math.min(READ_BYTES, sizeBytes - at)), at);
    if (read === 0) break;
    checksum = crc32c(buffer, checksum, 0, read);
    at += read;
  }
  return checksum;
}
