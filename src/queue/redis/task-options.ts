// What only some tasks have, as it is stored in a run state: a deadline, a unique key, tasks that it
// waits for. scripts/options.lua has the same layout.
import { OnDependencyFailure, type TaskDefinition } from "../../gen/mesh/v1/task.js";
import { deadlineAtMs } from "../state/definition-rules.js";
import { asArray, asNumber, asText, readPacked } from "./packed-reader.js";
import { PackedWriter } from "./packed-writer.js";

export interface TaskOptions {
  /** Milliseconds since the epoch; 0 for none, also where a retry lifted it. */
  readonly deadlineAtMs: number;
  /** Tasks whose end is waited for. */
  readonly waitsFor: readonly string[];
}

const NONE: TaskOptions = { deadlineAtMs: 0, waitsFor: [] };
const NOTHING = new Uint8Array(0);

/** The options of a new task; empty for a plain one. */
export function encodeOptions(task: TaskDefinition): Uint8Array {
  const { deadlineMs, uniqueKey, after, onDependencyFailure } = task;
  if (deadlineMs === 0 && uniqueKey === "" && after.length === 0) return NOTHING;
  const cancels = onDependencyFailure === OnDependencyFailure.RUN ? 0 : 1;
  const writer = new PackedWriter(256 + after.length * 32)
    .array(5)
    .number(deadlineAtMs(task))
    .text(uniqueKey)
    .number(cancels)
    .number(0)
    .array(after.length);
  for (const id of after) writer.text(id);
  return writer.finish();
}

/** @throws MalformedPacked when no script of ours wrote it. */
export function decodeOptions(bytes: Buffer): TaskOptions {
  if (bytes.length === 0) return NONE;
  const fields = asArray(readPacked(bytes));
  return { deadlineAtMs: asNumber(fields[0]), waitsFor: asArray(fields[4]).map(asText) };
}
