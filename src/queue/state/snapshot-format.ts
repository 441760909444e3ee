// The bytes of a snapshot of the queue: frames behind their lengths, read and written as a stream.
import {
  SnapshotFrame,
  type SnapshotHeader,
  type SnapshotKey,
  type SnapshotTask,
} from "../../gen/mesh/v1/snapshot.js";
import { VersionTooNew } from "./mesh-version.js";

/** Counted up with a change that older versions could not read. */
export const SNAPSHOT_FORMAT = 1;

/**
 * Layout of a task's state, which a snapshot holds as Redis stores it (redis/run-state.ts,
 * redis/scripts/state.lua). To be counted up with each change of it.
 */
export const STATE_LAYOUT = 3;

const LENGTH_BYTES = 4;
/** A piece of a dump is about 1 MiB, and one task with its data beyond that. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** Records of a table share a frame up to this size. */
const TABLE_FRAME_BYTES = 256 * 1024;

export type SnapshotContent = NonNullable<SnapshotFrame["content"]>;

/** A snapshot that this version cannot read, or that is not whole. */
export class SnapshotUnreadable extends Error {
  override readonly name = "SnapshotUnreadable";
}

/** A frame behind its length. */
export function encodeFrame(content: SnapshotContent): Uint8Array {
  const body = SnapshotFrame.encode({ content }).finish();
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
  frame.writeUInt32BE(body.length);
  frame.set(body, LENGTH_BYTES);
  return frame;
}

/** A table in frames of bounded size. */
export function* tableFrames(name: string, records: Iterable<Uint8Array>): Generator<Uint8Array> {
  let some: Buffer[] = [];
  let bytes = 0;
  const frame = (): Uint8Array => encodeFrame({ $case: "table", value: { name, records: some } });
  for (const record of records) {
    some.push(Buffer.from(record));
    bytes += record.length;
    if (bytes < TABLE_FRAME_BYTES) continue;
    yield frame();
    some = [];
    bytes = 0;
  }
  if (some.length > 0) yield frame();
}

/**
 * The frames of a snapshot, the header first, which is one of this version.
 * @throws SnapshotUnreadable, and what `chunks` throws
 */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<SnapshotContent, void, void> {
  let isFirst = true;
  for await (const body of bodies(chunks)) {
    const { content } = decodeFrame(body);
    if (content === undefined) throw new SnapshotUnreadable("a frame of an unknown kind");
    if (isFirst) checkHeader(content);
    isFirst = false;
    yield content;
  }
}

/** What a snapshot says of Redis: tasks and keys, up to an end that confirms their counts. */
export async function* redisContent(
  frames: AsyncIterable<SnapshotContent>,
): AsyncGenerator<
  | { readonly kind: "tasks"; readonly tasks: readonly SnapshotTask[] }
  | { readonly kind: "keys"; readonly keys: readonly SnapshotKey[] },
  void,
  void
> {
  let tasks = 0;
  let keys = 0;
  for await (const { $case, value } of frames) {
    switch ($case) {
      case "header":
      case "table":
        break;
      case "tasks":
        tasks += value.tasks.length;
        yield { kind: "tasks", tasks: value.tasks };
        break;
      case "keys":
        keys += value.keys.length;
        yield { kind: "keys", keys: value.keys };
        break;
      case "end":
        if (value.tasks === tasks && value.keys === keys) return;
        throw new SnapshotUnreadable(
          `it holds ${tasks} tasks and ${keys} keys, not ${value.tasks} and ${value.keys}`,
        );
    }
  }
  throw new SnapshotUnreadable("it has no end");
}

function checkHeader(content: SnapshotContent): asserts content is HeaderContent {
  if (content.$case !== "header") throw new SnapshotUnreadable("it does not begin with a header");
  const { format, stateLayout } = content.value;
  if (format > SNAPSHOT_FORMAT || stateLayout > STATE_LAYOUT) {
    throw new VersionTooNew("the snapshot", undefined);
  }
  if (format !== SNAPSHOT_FORMAT || stateLayout !== STATE_LAYOUT) {
    throw new SnapshotUnreadable(
      `it has format ${format} and layout ${stateLayout}; this version reads ${SNAPSHOT_FORMAT} and ${STATE_LAYOUT}`,
    );
  }
}

type HeaderContent = { readonly $case: "header"; readonly value: SnapshotHeader };

function decodeFrame(body: Buffer): SnapshotFrame {
  try {
    return SnapshotFrame.decode(body);
  } catch (cause) {
    throw new SnapshotUnreadable("a frame cannot be read", { cause });
  }
}

/** Puts chunks of any size together to what stands behind each length. */
async function* bodies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  let parts: Uint8Array[] = [];
  let gathered = 0;
  let needed = LENGTH_BYTES;
  for await (const chunk of chunks) {
    parts.push(chunk);
    gathered += chunk.length;
    if (gathered < needed) continue;
    let bytes = Buffer.concat(parts);
    while (bytes.length >= LENGTH_BYTES) {
      const length = bytes.readUInt32BE();
      if (length > MAX_FRAME_BYTES) throw new SnapshotUnreadable(`a frame of ${length} bytes`);
      needed = LENGTH_BYTES + length;
      if (bytes.length < needed) break;
      yield bytes.subarray(LENGTH_BYTES, needed);
      bytes = bytes.subarray(needed);
      needed = LENGTH_BYTES;
    }
    parts = [bytes];
    gathered = bytes.length;
  }
  if (gathered > 0) throw new SnapshotUnreadable("it ends within a frame");
}
