// The replicated state machine of the simulation: a few registers, with snapshots, and a hash over
// everything that was ever applied, so that two nodes that differ are told apart at once.
import type { Entry } from "../../src/raft/core/index.js";
import { NEVER_WRITTEN } from "./history.js";
import { Violation } from "./violation.js";

const COMMAND_BYTES = 5;
const SNAPSHOT_HEADER_BYTES = 9;
const REGISTER_BYTES = 5;

/** A write of a unique value, padded so that batches meet the size limits of the core. */
export const encodeWrite = (key: number, value: number, paddingBytes: number): Uint8Array => {
  const data = new Uint8Array(COMMAND_BYTES + paddingBytes);
  data[0] = key;
  putUint32(data, 1, value);
  return data;
};

export const decodeWrite = (data: Uint8Array): { key: number; value: number } => ({
  key: data[0] ?? 0,
  value: takeUint32(data, 1),
});

export class StateMachine {
  #registers = new Map<number, number>();
  #appliedIndex = 0;
  #hash = 0x811c9dc5;

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Differs, almost surely, where the history of applied entries differs. */
  get hash(): number {
    return this.#hash;
  }

  read(key: number): number {
    return this.#registers.get(key) ?? NEVER_WRITTEN;
  }

  apply(entry: Entry): void {
    if (entry.index !== this.#appliedIndex + 1) {
      throw new Violation(
        "driver contract",
        `entry ${entry.index} handed out for applying after ${this.#appliedIndex}`,
      );
    }
    this.#appliedIndex = entry.index;
    let mixed = Math.imul(this.#hash ^ entry.index, 0x01000193) ^ entry.term;
    if (entry.kind === "command") {
      const { key, value } = decodeWrite(entry.data);
      this.#registers.set(key, value);
      mixed = Math.imul(mixed ^ value, 0x85ebca6b) ^ key;
    }
    this.#hash = (Math.imul(mixed, 0xc2b2ae35) ^ (mixed >>> 15)) >>> 0;
  }

  /** Its whole state, padded so that it takes more chunks to send. */
  serialize(paddingBytes: number): Uint8Array {
    const size = SNAPSHOT_HEADER_BYTES + this.#registers.size * REGISTER_BYTES;
    const data = new Uint8Array(size + paddingBytes);
    putUint32(data, 0, this.#appliedIndex);
    putUint32(data, 4, this.#hash);
    data[8] = this.#registers.size;
    let at = SNAPSHOT_HEADER_BYTES;
    for (const [key, value] of this.#registers) {
      data[at] = key;
      putUint32(data, at + 1, value);
      at += REGISTER_BYTES;
    }
    return data;
  }

  static restore(data: Uint8Array): StateMachine {
    const machine = new StateMachine();
    machine.#appliedIndex = takeUint32(data, 0);
    machine.#hash = takeUint32(data, 4);
    const end = SNAPSHOT_HEADER_BYTES + (data[8] ?? 0) * REGISTER_BYTES;
    for (let at = SNAPSHOT_HEADER_BYTES; at < end; at += REGISTER_BYTES) {
      machine.#registers.set(data[at] ?? 0, takeUint32(data, at + 1));
    }
    return machine;
  }
}

/** FNV-1a: stands in for CRC-32C, which the core never computes. */
export const checksum = (data: Uint8Array): number => {
  let hash = 0x811c9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
};

const putUint32 = (data: Uint8Array, at: number, value: number): void => {
  data[at] = value & 0xff;
  data[at + 1] = (value >>> 8) & 0xff;
  data[at + 2] = (value >>> 16) & 0xff;
  data[at + 3] = (value >>> 24) & 0xff;
};

const takeUint32 = (data: Uint8Array, at: number): number =>
  ((data[at] ?? 0) |
    ((data[at + 1] ?? 0) << 8) |
    ((data[at + 2] ?? 0) << 16) |
    ((data[at + 3] ?? 0) << 24)) >>>
  0;
