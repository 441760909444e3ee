// The run state of a task as the scripts store it: one MessagePack array. scripts/state.lua names
// the same fields in the same order; only scripts write it.
import type { AttemptRecord } from "../../gen/mesh/v1/task.js";
import { TaskDefinition, type TaskStatus } from "../../gen/mesh/v1/task.js";
import { asArray, asBytes, asNumber, asText, readPacked, type Packed } from "./packed-reader.js";
import { storedOutcome, storedStatus } from "./stored-enums.js";

export interface RunState {
  readonly status: TaskStatus;
  readonly queue: string;
  readonly priority: number;
  readonly sequence: number;
  readonly attempts: number;
  readonly losses: number;
  readonly runAtMs: number;
  /** 0 for never. */
  readonly startedAtMs: number;
  /** 0 for never. */
  readonly finishedAtMs: number;
  readonly workerId: string;
  readonly fence: number;
  /** TaskDefinition in protobuf; without its data when that is in a key of its own. */
  readonly definition: Buffer;
  /** JSON text; undefined for none, "elsewhere" when it is in a key of its own. */
  readonly result:
    { readonly kind: "none" | "elsewhere" } | { readonly kind: "inline"; text: string };
  /** TaskError in protobuf; empty for none. */
  readonly error: Buffer;
  /** Ended attempts but a completed one, oldest first. */
  readonly history: readonly AttemptRecord[];
}

/** Reads a stored state. @throws MalformedPacked when no script of ours wrote it. */
export function decodeRunState(bytes: Buffer): RunState {
  const fields = asArray(readPacked(bytes));
  return {
    status: storedStatus(asNumber(fields[0])),
    queue: asText(fields[1]),
    priority: asNumber(fields[2]),
    sequence: asNumber(fields[3]),
    attempts: asNumber(fields[4]),
    losses: asNumber(fields[5]),
    runAtMs: asNumber(fields[6]),
    startedAtMs: asNumber(fields[7]),
    finishedAtMs: asNumber(fields[8]),
    workerId: asText(fields[9]),
    fence: asNumber(fields[10]),
    definition: asBytes(fields[11]),
    result: resultOf(fields[12]),
    error: asBytes(fields[13]),
    history: fields[14] === false ? [] : asArray(fields[14]).map(attemptOf),
  };
}

/** The definition in a state; its data is empty when that is in a key of its own. */
export function definitionOf(state: RunState): TaskDefinition {
  return TaskDefinition.decode(state.definition);
}

function resultOf(field: Packed | undefined): RunState["result"] {
  if (field === true) return { kind: "elsewhere" };
  const text = asText(field);
  return text === "" ? { kind: "none" } : { kind: "inline", text };
}

function attemptOf(packed: Packed): AttemptRecord {
  const fields = asArray(packed);
  return {
    attempt: asNumber(fields[0]),
    workerId: asText(fields[1]),
    fence: asNumber(fields[2]),
    startedAtMs: asNumber(fields[3]),
    finishedAtMs: asNumber(fields[4]),
    outcome: storedOutcome(asNumber(fields[5])),
    error: asText(fields[6]),
  };
}
