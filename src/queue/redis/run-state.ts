// The run state of a task as the scripts store it: one packed string. scripts/state.lua has the same
// layout; only scripts write it. Snapshots hold it as it is stored: a change of the layout counts up
// STATE_LAYOUT of state/snapshot-format.ts.
import type { AttemptRecord } from "../../gen/mesh/v1/task.js";
import { TaskDefinition, type TaskStatus } from "../../gen/mesh/v1/task.js";
import { parseLaneName } from "./keys.js";
import { asArray, asNumber, asText, readPacked, type Packed } from "./packed-reader.js";
import { decodeOptions, type TaskOptions } from "./task-options.js";
import { storedOutcome, storedStatus } from "./stored-enums.js";

/** Where the strings begin, behind the numbers. */
const STRINGS_AT = 41;
/** Stands for a result in a key of its own; no JSON text is this. */
const ELSEWHERE = "\u0001";

export interface RunState {
  readonly status: TaskStatus;
  readonly queue: string;
  readonly priority: number;
  readonly sequence: number;
  readonly attempts: number;
  /** How often a node was lost under it in a way that it may have caused. */
  readonly losses: number;
  /** How often its node lived on and had let its lease run out. */
  readonly lapses: number;
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
  /** Entry that last changed the task, or what is known of it. */
  readonly changedIndex: number;
  readonly options: TaskOptions;
}

/** Reads a stored state. @throws when no script of ours wrote it. */
export function decodeRunState(bytes: Buffer): RunState {
  const fields = new FieldReader(bytes, STRINGS_AT);
  const sequence = Number(fields.text16());
  const { queue, priority } = parseLaneName(fields.text32());
  const workerId = fields.text16();
  const definition = fields.bytes32();
  const error = fields.bytes16();
  const result = resultOf(fields.text32());
  const history = fields.bytes32();
  const changedIndex = fields.double();
  const options = decodeOptions(fields.bytes32());
  const lapses = fields.number32();
  return {
    status: storedStatus(bytes.readUInt8(0)),
    attempts: bytes.readUInt32BE(1),
    losses: bytes.readUInt32BE(5),
    lapses,
    runAtMs: bytes.readDoubleBE(9),
    startedAtMs: bytes.readDoubleBE(17),
    finishedAtMs: bytes.readDoubleBE(25),
    fence: bytes.readDoubleBE(33),
    sequence,
    queue,
    priority,
    workerId,
    definition,
    error,
    result,
    history: history.length === 0 ? [] : asArray(readPacked(history)).map(attemptOf),
    changedIndex,
    options,
  };
}

/** Reads strings that stand one after the other, each behind its length. */
class FieldReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  text16(): string {
    return this.bytes16().toString("utf8");
  }

  text32(): string {
    return this.bytes32().toString("utf8");
  }

  bytes16(): Buffer {
    return this.#take(this.#at + 2, this.#bytes.readUInt16BE(this.#at));
  }

  bytes32(): Buffer {
    return this.#take(this.#at + 4, this.#bytes.readUInt32BE(this.#at));
  }

  double(): number {
    const value = this.#bytes.readDoubleBE(this.#at);
    this.#at += 8;
    return value;
  }

  number32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  #take(start: number, length: number): Buffer {
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }
}

/** The definition in a state; its data is empty when that is in a key of its own. */
export function definitionOf(state: RunState): TaskDefinition {
  return TaskDefinition.decode(state.definition);
}

function resultOf(stored: string): RunState["result"] {
  if (stored === "") return { kind: "none" };
  return stored === ELSEWHERE ? { kind: "elsewhere" } : { kind: "inline", text: stored };
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
    // Attempts that were stored before the field existed have none.
    endedIndex: asNumber(fields[7] ?? 0),
  };
}
