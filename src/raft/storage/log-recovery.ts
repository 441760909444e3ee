// Opening a log: reads every segment, cuts off what a crash left of the last batch, and refuses
// everything else that is not as it was written.
import type { HardState } from "../core/index.js";
import { logIndex, term } from "../core/index.js";
import { EntryIndex } from "./entry-index.js";
import { LogCorrupt, StateLost } from "./errors.js";
import { type FileSystem, readWhole } from "./file-system.js";
import {
  entryIndexAt,
  entryTermAt,
  hardStateOf,
  hardStateRecordBytes,
  putHardState,
} from "./record.js";
import {
  hasSecondBatch,
  putSegmentHeader,
  readSegmentHeader,
  type Scan,
  scanRecords,
  type Segment,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentPath,
  sequenceOf,
} from "./segment.js";
import type { RecoveredLog } from "./segmented-log.js";

export const NO_HARD_STATE: HardState = { term: term(0), vote: undefined, commit: logIndex(0) };

interface Found {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly bytes: Buffer;
  readonly scan: Scan;
}

interface Replay {
  readonly index: EntryIndex;
  readonly headers: SegmentHeader[];
  hardState: HardState;
  /** Entries are missing between the snapshot and the first file that counts. */
  gap: LogCorrupt | undefined;
  /** End of the last whole batch of the last segment, the file's size, the next batch's number. */
  tail: { readonly end: number; readonly sizeBytes: number; readonly nextBatch: number };
}

const NEW_LOG_BYTES = SEGMENT_HEADER_BYTES + hardStateRecordBytes(NO_HARD_STATE);
const FIRST_SEQUENCE = 1;

/** The first segment of a new log, durable when it resolves. */
export async function createLog(files: FileSystem, dir: string): Promise<void> {
  const header = { sequence: FIRST_SEQUENCE, firstIndex: 1, termBefore: 0, startsAnew: true };
  const bytes = Buffer.alloc(NEW_LOG_BYTES);
  putSegmentHeader(bytes, header);
  putHardState(bytes, SEGMENT_HEADER_BYTES, NO_HARD_STATE, 0, true);
  const file = await files.open(segmentPath(dir, header.sequence), "create");
  try {
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.syncFolder(dir);
}

/** There is no log, or one that nothing was ever added to. */
export async function isLogUnused(files: FileSystem, dir: string): Promise<boolean> {
  const sequences = await listSegments(files, dir);
  if (sequences.length === 0) return true;
  if (sequences.length > 1 || sequences[0] !== FIRST_SEQUENCE) return false;
  const file = await files.open(segmentPath(dir, FIRST_SEQUENCE), "read");
  await file.close();
  return file.sizeBytes <= NEW_LOG_BYTES;
}

/** Sequence numbers of the segments in a folder, in order. */
async function listSegments(files: FileSystem, dir: string): Promise<readonly number[]> {
  const numbers = (await files.list(dir)).flatMap((name) => sequenceOf(name) ?? []);
  return numbers.sort((a, b) => a - b);
}

/**
 * Reads the log whose entries up to `snapshotIndex` are covered by a snapshot.
 * @throws StateLost, LogCorrupt
 */
export async function recoverLog(
  files: FileSystem,
  dir: string,
  snapshotIndex: number,
): Promise<RecoveredLog> {
  const sequences = await listSegments(files, dir);
  const replay: Replay = {
    index: new EntryIndex(),
    headers: [],
    hardState: NO_HARD_STATE,
    gap: undefined,
    tail: { end: 0, sizeBytes: 0, nextBatch: 0 },
  };
  for (const [position, sequence] of sequences.entries()) {
    const path = segmentPath(dir, sequence);
    const found = await readSegment(files, path, position === sequences.length - 1);
    if (found === undefined) {
      // Nothing in it was ever acknowledged: as if it had not been begun.
      await files.remove(path);
      await files.syncFolder(dir);
    } else {
      replaySegment(replay, found, sequence, snapshotIndex);
    }
  }
  const { index, hardState, headers, tail } = replay;
  const last = headers.at(-1);
  if (last === undefined) throw new StateLost(dir, "the files of the log (log-*) are missing");
  if (replay.gap !== undefined) throw replay.gap;
  if (hardState.commit > Math.max(index.lastIndex, snapshotIndex)) {
    const what = `the log ends at ${index.lastIndex}, but ${hardState.commit} was committed`;
    throw new LogCorrupt(segmentPath(dir, last.sequence), tail.end, what);
  }
  const segments = await openSegments(files, dir, headers);
  const file = segments.at(-1)?.file;
  if (tail.end < tail.sizeBytes && file !== undefined) {
    try {
      await file.truncate(tail.end);
      await file.sync();
    } catch (error) {
      await closeAll(segments);
      throw error;
    }
  }
  return { segments, index, hardState, end: tail.end, nextBatch: tail.nextBatch };
}

/** Undefined for a last segment without a whole batch: a crash cut its beginning short. */
async function readSegment(
  files: FileSystem,
  path: string,
  isLast: boolean,
): Promise<Found | undefined> {
  const bytes = await readWhole(files, path);
  const header = readSegmentHeader(bytes);
  if (header.kind !== "segment") {
    if (isLast && header.kind === "broken" && !hasSecondBatch(bytes)) return undefined;
    throw new LogCorrupt(path, 0, header.what);
  }
  const scan = scanRecords(bytes);
  const { brokenAt, hasDurableAfter, end } = scan;
  if (brokenAt !== undefined && (!isLast || hasDurableAfter)) {
    throw new LogCorrupt(path, brokenAt, "a record does not match its checksum");
  }
  const isCutShort = end < bytes.byteLength || scan.nextBatch === 0;
  if (!isLast && isCutShort) throw new LogCorrupt(path, end, "the file is cut short");
  return scan.nextBatch === 0 ? undefined : { path, header, bytes, scan };
}

function replaySegment(
  replay: Replay,
  { path, header, bytes, scan }: Found,
  sequence: number,
  snapshotIndex: number,
): void {
  const { index, headers } = replay;
  if (header.sequence !== sequence) {
    throw new LogCorrupt(path, 0, `this is the file of segment ${header.sequence}, renamed`);
  }
  const before = headers.at(-1)?.sequence;
  if (before !== undefined && sequence !== before + 1) {
    throw new LogCorrupt(path, 0, `segment ${before + 1} before it is missing`);
  }
  // All that came before is void: replaced by a snapshot, or by what this file begins with.
  const isBeginning = header.startsAnew || header.firstIndex < index.firstIndex;
  if (before === undefined || isBeginning) {
    // Not an error yet: where a later file is the beginning, a crash kept this one from its removal.
    const isGap = header.firstIndex > snapshotIndex + 1;
    const missing = `entries ${snapshotIndex + 1} to ${header.firstIndex - 1} are missing`;
    replay.gap = isGap ? new LogCorrupt(path, 0, missing) : undefined;
    index.reset(header.firstIndex, header.termBefore);
  } else if (index.term(header.firstIndex - 1) !== header.termBefore) {
    throw new LogCorrupt(path, 0, "it does not continue the segment before it");
  }
  for (const record of scan.records) {
    if (record.isHardState) {
      replay.hardState = hardStateOf(bytes, record);
      continue;
    }
    const at = entryIndexAt(bytes, record.offset);
    if (at < header.firstIndex || at < index.firstIndex || at > index.lastIndex + 1) {
      throw new LogCorrupt(path, record.offset, `entry ${at} does not continue the log`);
    }
    const length = record.end - record.offset;
    index.put(at, entryTermAt(bytes, record.offset), sequence, record.offset, length);
  }
  headers.push(header);
  replay.tail = { end: scan.end, sizeBytes: bytes.byteLength, nextBatch: scan.nextBatch };
}

/** Only the last is written to; the others never change again. */
async function openSegments(
  files: FileSystem,
  dir: string,
  headers: readonly SegmentHeader[],
): Promise<Segment[]> {
  const segments: Segment[] = [];
  try {
    for (const [position, header] of headers.entries()) {
      const path = segmentPath(dir, header.sequence);
      const file = await files.open(path, position === headers.length - 1 ? "edit" : "read");
      segments.push({ ...header, path, file });
    }
  } catch (error) {
    await closeAll(segments);
    throw error;
  }
  return segments;
}

async function closeAll(segments: readonly Segment[]): Promise<void> {
  for (const { file } of segments) await file.close();
}
