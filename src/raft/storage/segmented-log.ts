// The log on disk: an append-only run of segments. An append is one write and one sync; entries are
// known to readers once that sync is done. A truncation is implied by an entry that stands at or
// before the last index.
import type { Entry, HardState } from "../core/index.js";
import { invariant } from "../core/errors.js";
import type { EntryIndex, EntryPlace } from "./entry-index.js";
import { LogCorrupt } from "./errors.js";
import type { FileSystem } from "./file-system.js";
import {
  entryIndexAt,
  entryOf,
  entryRecordBytes,
  hardStateRecordBytes,
  putEntry,
  putHardState,
  readRecord,
} from "./record.js";
import { RecentEntries } from "./recent-entries.js";
import {
  putSegmentHeader,
  type Segment,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentPath,
} from "./segment.js";

/** One step of a batch; entries drop what stands at the first one's index or after. */
export interface LogRecords {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
}

export interface SegmentedLogOptions {
  readonly dir: string;
  readonly files: FileSystem;
  readonly segmentBytes: number;
  readonly cacheBytes: number;
}

/** What was found at open. */
export interface RecoveredLog {
  readonly segments: Segment[];
  readonly index: EntryIndex;
  readonly hardState: HardState;
  /** End of the last whole batch in the last segment, and the number of the next. */
  readonly end: number;
  readonly nextBatch: number;
}

/** Batches up to this size share one buffer. */
const SCRATCH_BYTES = 1024 * 1024;
/** Of what one read takes from the disk, beside what was asked for. */
const MAX_READ_SLACK_BYTES = 64 * 1024;

export class SegmentedLog {
  readonly #options: SegmentedLogOptions;
  readonly #segments: Segment[];
  readonly #bySequence: Map<number, Segment>;
  readonly #index: EntryIndex;
  readonly #recent: RecentEntries;
  #hardState: HardState;
  #end: number;
  #nextBatch: number;
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  /** Segments that are no longer part of the log, removed oldest first, one at a time. */
  #removal: Promise<void> = Promise.resolve();

  constructor(options: SegmentedLogOptions, recovered: RecoveredLog) {
    this.#options = options;
    this.#segments = recovered.segments;
    this.#bySequence = new Map(recovered.segments.map((segment) => [segment.sequence, segment]));
    this.#index = recovered.index;
    this.#recent = new RecentEntries(options.cacheBytes);
    this.#hardState = recovered.hardState;
    this.#end = recovered.end;
    this.#nextBatch = recovered.nextBatch;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get firstIndex(): number {
    return this.#index.firstIndex;
  }

  get lastIndex(): number {
    return this.#index.lastIndex;
  }

  term(index: number): number | undefined {
    return this.#index.term(index);
  }

  /**
   * Entries of [from, to), at least one if there is any, about `maxBytes` of them at most.
   * @throws LogCorrupt where the disk no longer holds what was written.
   */
  entries(from: number, to: number, maxBytes: number): readonly Entry[] {
    const found: Entry[] = [];
    const end = Math.min(to, this.#index.lastIndex + 1);
    let bytes = 0;
    for (let index = from; index < end;) {
      const recent = this.#recent.get(index);
      const run = recent === undefined ? this.#readRun(index, end, maxBytes - bytes) : [recent];
      if (run.length === 0) break;
      for (const entry of run) {
        bytes += entry.data.byteLength;
        if (bytes > maxBytes && found.length > 0) return found;
        found.push(entry);
      }
      index += run.length;
    }
    return found;
  }

  /** Makes all of it durable with one write and one sync. */
  async append(batch: readonly LogRecords[]): Promise<void> {
    const steps = batch.filter((step) => step.hardState !== undefined || step.entries.length > 0);
    if (steps.length === 0) return;
    const lowest = this.#checkOrder(steps);
    const size = sizeOf(steps);
    const active = this.#active();
    const isFull =
      this.#end > SEGMENT_HEADER_BYTES && this.#end + size > this.#options.segmentBytes;
    // A header's firstIndex bounds its file from below, so a truncation past it begins a new file.
    if (!isFull && lowest >= active.firstIndex) {
      const bytes = this.#encode(0, size, steps, this.#nextBatch);
      await active.file.write(bytes, this.#end);
      await active.file.sync();
      this.#publish(active, this.#end, steps);
      this.#end += size;
      this.#nextBatch += 1;
      return;
    }
    const firstIndex = Math.min(lowest, this.lastIndex + 1);
    const termBefore = this.#index.term(firstIndex - 1);
    invariant(termBefore !== undefined, `the term of entry ${firstIndex - 1} is not known`);
    await this.#roll({ firstIndex, termBefore, startsAnew: false }, steps);
  }

  /** Begins the log anew behind a snapshot that none of it continues. */
  async reset(snapshotIndex: number, snapshotTerm: number): Promise<void> {
    const start = { firstIndex: snapshotIndex + 1, termBefore: snapshotTerm, startsAnew: true };
    await this.#roll(start, []);
    this.#index.reset(start.firstIndex, snapshotTerm);
    this.#recent.clear();
    await this.#drop(this.#segments.slice(0, -1));
  }

  /** Drops entries before `index`, as far as they fill whole segments. */
  async dropBefore(index: number): Promise<void> {
    const keepFrom = this.#segments.findLastIndex((segment) => segment.firstIndex <= index);
    const first = this.#segments[keepFrom];
    if (first === undefined || keepFrom === 0) return;
    this.#index.dropBefore(first.firstIndex);
    await this.#drop(this.#segments.slice(0, keepFrom));
  }

  async close(): Promise<void> {
    await this.#removal.catch(() => undefined);
    for (const { file } of this.#segments) await file.close();
  }

  #active(): Segment {
    const active = this.#segments.at(-1);
    invariant(active !== undefined, "a log has a segment");
    return active;
  }

  /** Returns the lowest index in the batch, or Infinity. Throws for a batch that leaves a gap. */
  #checkOrder(steps: readonly LogRecords[]): number {
    let lowest = Infinity;
    let last = this.lastIndex;
    for (const { entries } of steps) {
      for (const [place, { index }] of entries.entries()) {
        const isContinued = place === 0 ? index <= last + 1 : index === last + 1;
        invariant(isContinued, `entry ${index} would leave a gap behind ${last}`);
        last = index;
      }
      lowest = Math.min(lowest, entries[0]?.index ?? Infinity);
    }
    invariant(lowest >= this.firstIndex, `entry ${lowest} is compacted and cannot be replaced`);
    return lowest;
  }

  /** The batch's bytes, behind `reserved` bytes for a header. */
  #encode(reserved: number, size: number, steps: readonly LogRecords[], batch: number): Buffer {
    const total = reserved + size;
    const into = total <= SCRATCH_BYTES ? this.#scratch : Buffer.allocUnsafeSlow(total);
    let at = reserved;
    for (const [place, { hardState, entries }] of steps.entries()) {
      const isLast = place === steps.length - 1;
      if (hardState !== undefined) {
        at = putHardState(into, at, hardState, batch, isLast && entries.length === 0);
      }
      for (const [position, entry] of entries.entries()) {
        at = putEntry(into, at, entry, batch, isLast && position === entries.length - 1);
      }
    }
    invariant(at === total, "a batch is as long as was reckoned");
    return into.subarray(0, total);
  }

  /** Begins a file with the hard state and a batch; it counts once both are in it whole. */
  async #roll(start: Omit<SegmentHeader, "sequence">, steps: readonly LogRecords[]): Promise<void> {
    const { dir, files } = this.#options;
    const header = { ...start, sequence: this.#active().sequence + 1 };
    const batch = [{ hardState: this.#hardState, entries: [] }, ...steps];
    const size = sizeOf(batch);
    const bytes = this.#encode(SEGMENT_HEADER_BYTES, size, batch, 0);
    putSegmentHeader(bytes, header);
    const path = segmentPath(dir, header.sequence);
    const file = await files.open(path, "create");
    try {
      await file.write(bytes, 0);
      await file.sync();
      await files.syncFolder(dir);
    } catch (error) {
      await file.close();
      throw error;
    }
    // Not part of the log any sooner: a compaction meanwhile would let it take the place of others.
    const segment: Segment = { ...header, path, file };
    this.#segments.push(segment);
    this.#bySequence.set(segment.sequence, segment);
    this.#publish(segment, SEGMENT_HEADER_BYTES, batch);
    this.#end = bytes.byteLength;
    this.#nextBatch = 1;
  }

  /** Lets readers see a batch that is durable now. */
  #publish(segment: Segment, start: number, steps: readonly LogRecords[]): void {
    let at = start;
    for (const { hardState, entries } of steps) {
      if (hardState !== undefined) {
        this.#hardState = hardState;
        at += hardStateRecordBytes(hardState);
      }
      for (const entry of entries) {
        const length = entryRecordBytes(entry.data.byteLength);
        this.#index.put(entry.index, entry.term, segment.sequence, at, length);
        this.#recent.push(entry);
        at += length;
      }
    }
  }

  async #drop(dropped: readonly Segment[]): Promise<void> {
    this.#segments.splice(0, dropped.length);
    for (const { sequence } of dropped) this.#bySequence.delete(sequence);
    const { dir, files } = this.#options;
    this.#removal = this.#removal.then(async () => {
      for (const { file } of dropped) await file.close();
      for (const segment of dropped) {
        await files.remove(segment.path);
        // One at a time: a gap would look like damage at the next open.
        await files.syncFolder(dir);
      }
    });
    await this.#removal;
  }

  /** Reads entries from `from` on that stand one behind the other in one file, with one read. */
  #readRun(from: number, to: number, maxBytes: number): Entry[] {
    const first = this.#index.at(from);
    if (first === undefined) return [];
    const places: EntryPlace[] = [first];
    let end = first.offset + first.lengthBytes;
    for (let index = from + 1; index < to; index += 1) {
      const place = this.#index.at(index);
      if (place?.segment !== first.segment || place.offset < end) break;
      const isNear = place.offset - end <= MAX_READ_SLACK_BYTES;
      if (!isNear || place.offset + place.lengthBytes - first.offset > maxBytes) break;
      places.push(place);
      end = place.offset + place.lengthBytes;
    }
    const segment = this.#bySequence.get(first.segment);
    invariant(segment !== undefined, `segment ${first.segment} is not part of the log`);
    const bytes = Buffer.allocUnsafeSlow(end - first.offset);
    const length = segment.file.readSync(bytes, first.offset);
    const read = bytes.subarray(0, length);
    return places.map((place, position) => {
      const record = readRecord(read, place.offset - first.offset);
      if (record === undefined || entryIndexAt(read, record.offset) !== from + position) {
        throw new LogCorrupt(segment.path, place.offset, `entry ${from + position} is not there`);
      }
      return entryOf(read, record);
    });
  }
}

function sizeOf(steps: readonly LogRecords[]): number {
  let size = 0;
  for (const { hardState, entries } of steps) {
    if (hardState !== undefined) size += hardStateRecordBytes(hardState);
    for (const entry of entries) size += entryRecordBytes(entry.data.byteLength);
  }
  return size;
}
