// A record of the log on disk: how it is written, and how it is told from anything else.
//
//   0  u32  CRC-32C of all that follows
//   4  u32  bytes of the body
//   8  u32  number of the batch in its file: what was written with one sync
//  12  u8   kind
//  13  u8   flags: 1 on the last record of a batch
//  14  u16  mark
//  16  body
//
// Body of an entry: index, term (u64 each), data. Of a hard state: term, commit (u64 each), whether
// there is a vote (u8), vote (UTF-8). All little-endian.
import type { Entry, EntryKind, HardState } from "../core/index.js";
import { logIndex, nodeId, term } from "../core/index.js";
import { crc32c } from "./crc32c.js";

export const RECORD_HEADER_BYTES = 16;
const ENTRY_HEADER_BYTES = 16;
const HARD_STATE_HEADER_BYTES = 17;

const LENGTH_AT = 4;
const BATCH_AT = 8;
const KIND_AT = 12;
const FLAGS_AT = 13;
const MARK_AT = 14;
/** Makes a search for the next record behind a damaged one cheap. */
const MARK = 0x7a52;
const FLAG_BATCH_END = 1;
const TWO_TO_32 = 0x1_0000_0000;

const HARD_STATE = 1;
const KINDS = { command: 2, noop: 3, membership: 4 } as const satisfies Record<EntryKind, number>;
const ENTRY_KINDS: ReadonlyMap<number, EntryKind> = new Map([
  [KINDS.command, "command"],
  [KINDS.noop, "noop"],
  [KINDS.membership, "membership"],
]);

/** A record whose checksum holds. */
export interface RecordHead {
  readonly offset: number;
  /** Where the next one begins. */
  readonly end: number;
  readonly batch: number;
  readonly isHardState: boolean;
  readonly isBatchEnd: boolean;
}

export function entryRecordBytes(dataBytes: number): number {
  return RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES + dataBytes;
}

export function hardStateRecordBytes(state: HardState): number {
  return RECORD_HEADER_BYTES + HARD_STATE_HEADER_BYTES + Buffer.byteLength(state.vote ?? "");
}

/** Writes an entry's record at `at`; returns where it ends. */
export function putEntry(
  into: Buffer,
  at: number,
  entry: Entry,
  batch: number,
  isBatchEnd: boolean,
): number {
  const body = at + RECORD_HEADER_BYTES;
  putUint64(into, body, entry.index);
  putUint64(into, body + 8, entry.term);
  into.set(entry.data, body + ENTRY_HEADER_BYTES);
  const end = body + ENTRY_HEADER_BYTES + entry.data.byteLength;
  seal(into, at, end, batch, KINDS[entry.kind], isBatchEnd);
  return end;
}

/** Writes the hard state's record at `at`; returns where it ends. */
export function putHardState(
  into: Buffer,
  at: number,
  state: HardState,
  batch: number,
  isBatchEnd: boolean,
): number {
  const body = at + RECORD_HEADER_BYTES;
  putUint64(into, body, state.term);
  putUint64(into, body + 8, state.commit);
  into.writeUInt8(state.vote === undefined ? 0 : 1, body + 16);
  const voteAt = body + HARD_STATE_HEADER_BYTES;
  const end = voteAt + into.write(state.vote ?? "", voteAt, "utf8");
  seal(into, at, end, batch, HARD_STATE, isBatchEnd);
  return end;
}

function seal(
  into: Buffer,
  at: number,
  end: number,
  batch: number,
  kind: number,
  isBatchEnd: boolean,
): void {
  into.writeUInt32LE(end - at - RECORD_HEADER_BYTES, at + LENGTH_AT);
  into.writeUInt32LE(batch, at + BATCH_AT);
  into.writeUInt8(kind, at + KIND_AT);
  into.writeUInt8(isBatchEnd ? FLAG_BATCH_END : 0, at + FLAGS_AT);
  into.writeUInt16LE(MARK, at + MARK_AT);
  into.writeUInt32LE(crc32c(into, 0, at + LENGTH_AT, end), at);
}

/** The record at `offset`; undefined where none is whole there. */
export function readRecord(bytes: Buffer, offset: number): RecordHead | undefined {
  const body = offset + RECORD_HEADER_BYTES;
  if (body > bytes.byteLength) return undefined;
  if (bytes.readUInt16LE(offset + MARK_AT) !== MARK) return undefined;
  const end = body + bytes.readUInt32LE(offset + LENGTH_AT);
  if (end > bytes.byteLength) return undefined;
  const kind = bytes.readUInt8(offset + KIND_AT);
  const isHardState = kind === HARD_STATE;
  if (!isHardState && !ENTRY_KINDS.has(kind)) return undefined;
  if (end - body < (isHardState ? HARD_STATE_HEADER_BYTES : ENTRY_HEADER_BYTES)) return undefined;
  if (crc32c(bytes, 0, offset + LENGTH_AT, end) !== bytes.readUInt32LE(offset)) return undefined;
  const isBatchEnd = (bytes.readUInt8(offset + FLAGS_AT) & FLAG_BATCH_END) !== 0;
  return { offset, end, batch: bytes.readUInt32LE(offset + BATCH_AT), isHardState, isBatchEnd };
}

/** Index of the entry in a record that is whole. */
export function entryIndexAt(bytes: Buffer, offset: number): number {
  return readUint64(bytes, offset + RECORD_HEADER_BYTES);
}

export function entryTermAt(bytes: Buffer, offset: number): number {
  return readUint64(bytes, offset + RECORD_HEADER_BYTES + 8);
}

/** The entry in a record that is whole; its data shares the memory of `bytes`. */
export function entryOf(bytes: Buffer, { offset, end }: RecordHead): Entry {
  return {
    index: logIndex(entryIndexAt(bytes, offset)),
    term: term(entryTermAt(bytes, offset)),
    kind: ENTRY_KINDS.get(bytes.readUInt8(offset + KIND_AT)) ?? "command",
    data: bytes.subarray(offset + RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES, end),
  };
}

export function hardStateOf(bytes: Buffer, { offset, end }: RecordHead): HardState {
  const body = offset + RECORD_HEADER_BYTES;
  const vote = nodeId(bytes.toString("utf8", body + HARD_STATE_HEADER_BYTES, end));
  return {
    term: term(readUint64(bytes, body)),
    vote: bytes.readUInt8(body + 16) === 0 ? undefined : vote,
    commit: logIndex(readUint64(bytes, body + 8)),
  };
}

export function putUint64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value % TWO_TO_32, at);
  into.writeUInt32LE(Math.floor(value / TWO_TO_32), at + 4);
}

export function readUint64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_TO_32;
}
