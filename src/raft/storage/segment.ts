// A file of the log: its name, its header, and reading it whole.
import path from "node:path";
import { crc32c } from "./crc32c.js";
import type { OpenFile } from "./file-system.js";
import { putUint64, readRecord, readUint64, type RecordHead } from "./record.js";

export const SEGMENT_HEADER_BYTES = 48;

const MAGIC = Buffer.from("RAFTLOG\n", "latin1");
const FORMAT_VERSION = 1;
const VERSION_AT = 8;
const FLAGS_AT = 12;
const SEQUENCE_AT = 16;
const FIRST_INDEX_AT = 24;
const TERM_BEFORE_AT = 32;
const CRC_AT = 44;
const FLAG_ANEW = 1;
const NAME = /^log-(\d{12})$/;

export interface SegmentHeader {
  /** Counts up by 1 from file to file. */
  readonly sequence: number;
  /** No entry in this file has a lower index. */
  readonly firstIndex: number;
  /** Term of the entry at firstIndex - 1; 0 where there is none. */
  readonly termBefore: number;
  /** The log begins here: a snapshot has replaced all that is in the files before. */
  readonly startsAnew: boolean;
}

export interface Segment extends SegmentHeader {
  readonly path: string;
  readonly file: OpenFile;
}

export function segmentPath(dir: string, sequence: number): string {
  return path.join(dir, `log-${String(sequence).padStart(12, "0")}`);
}

/** Undefined for the name of something else. */
export function sequenceOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function putSegmentHeader(into: Buffer, header: SegmentHeader): void {
  into.fill(0, 0, SEGMENT_HEADER_BYTES);
  MAGIC.copy(into);
  into.writeUInt32LE(FORMAT_VERSION, VERSION_AT);
  into.writeUInt32LE(header.startsAnew ? FLAG_ANEW : 0, FLAGS_AT);
  putUint64(into, SEQUENCE_AT, header.sequence);
  putUint64(into, FIRST_INDEX_AT, header.firstIndex);
  putUint64(into, TERM_BEFORE_AT, header.termBefore);
  into.writeUInt32LE(crc32c(into, 0, 0, CRC_AT), CRC_AT);
}

/** "broken" may be what a crash left; "foreign" is a whole header that is not to be read. */
export type ReadHeader =
  | ({ readonly kind: "segment" } & SegmentHeader)
  | { readonly kind: "broken" | "foreign"; readonly what: string };

export function readSegmentHeader(bytes: Buffer): ReadHeader {
  if (bytes.byteLength < SEGMENT_HEADER_BYTES) {
    return { kind: "broken", what: "the header is cut short" };
  }
  if (crc32c(bytes, 0, 0, CRC_AT) !== bytes.readUInt32LE(CRC_AT)) {
    return { kind: "broken", what: "the header does not match its checksum" };
  }
  if (!bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) {
    return { kind: "foreign", what: "not a segment of a log" };
  }
  const version = bytes.readUInt32LE(VERSION_AT);
  if (version !== FORMAT_VERSION) {
    const what = `format version ${version}, this program reads ${FORMAT_VERSION}`;
    return { kind: "foreign", what };
  }
  return {
    kind: "segment",
    sequence: readUint64(bytes, SEQUENCE_AT),
    firstIndex: readUint64(bytes, FIRST_INDEX_AT),
    termBefore: readUint64(bytes, TERM_BEFORE_AT),
    startsAnew: (bytes.readUInt32LE(FLAGS_AT) & FLAG_ANEW) !== 0,
  };
}

export interface Scan {
  /** Records of whole batches, in order. */
  readonly records: readonly RecordHead[];
  /** Where the last whole batch ends; the file's size where nothing is left over. */
  readonly end: number;
  /** Of the batch that comes next. */
  readonly nextBatch: number;
  /** Where the first record stands that is not whole, if there is one. */
  readonly brokenAt: number | undefined;
  /** A record of a later batch stands behind the break: what is broken had been synced. */
  readonly hasDurableAfter: boolean;
}

/** Reads the records behind a segment's header, as far as they are whole. */
export function scanRecords(bytes: Buffer): Scan {
  const records: RecordHead[] = [];
  let at = SEGMENT_HEADER_BYTES;
  let whole = { end: at, records: 0, nextBatch: 0 };
  while (at < bytes.byteLength) {
    const record = readRecord(bytes, at);
    // A record of any other batch than the one under way is as good as none.
    if (record?.batch !== whole.nextBatch) break;
    records.push(record);
    at = record.end;
    if (record.isBatchEnd) {
      whole = { end: at, records: records.length, nextBatch: record.batch + 1 };
    }
  }
  const brokenAt = at < bytes.byteLength ? at : undefined;
  records.length = whole.records;
  return {
    records,
    end: whole.end,
    nextBatch: whole.nextBatch,
    brokenAt,
    hasDurableAfter: brokenAt !== undefined && hasLaterBatch(bytes, brokenAt, whole.nextBatch),
  };
}

/**
 * A batch is written after the one before it was synced. So a break in batch n with a record of
 * batch n + 1 behind it is damage; without one it is a write that a crash cut short, of which pages
 * may be on disk in any order.
 */
function hasLaterBatch(bytes: Buffer, from: number, batch: number): boolean {
  for (let at = from; at < bytes.byteLength; at += 1) {
    const record = readRecord(bytes, at);
    if (record === undefined) continue;
    if (record.batch > batch) return true;
    at = record.end - 1;
  }
  return false;
}

/**
 * A record behind a header that cannot be read is of a later batch than the one that was written
 * with it: the header had been synced.
 */
export function hasSecondBatch(bytes: Buffer): boolean {
  return hasLaterBatch(bytes, 0, 0);
}
