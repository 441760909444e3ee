// The end of the log in memory: what is dropped from it is let go of.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { LogTail } from "../../../src/raft/core/log-tail.js";
import { type Entry, logIndex, term } from "../../../src/raft/core/types.js";

setFlagsFromString("--expose_gc");
const collectGarbage = runInNewContext("gc") as () => void;

const entry = (index: number): Entry => ({
  index: logIndex(index),
  term: term(1),
  kind: "command",
  data: new Uint8Array(64),
});

/** A tail of `held` entries from which the first `dropped` were dropped, and what these carried. */
function tailWithout(dropped: number, held: number) {
  const tail = new LogTail(logIndex(1));
  const data: WeakRef<Uint8Array>[] = [];
  for (let index = 1; index <= dropped + held; index += 1) {
    const one = entry(index);
    if (index <= dropped) data.push(new WeakRef(one.data));
    tail.push(one);
  }
  for (let count = 0; count < dropped; count += 1) tail.dropFirst();
  return { tail, data };
}

describe("the tail of the log", () => {
  test("holds nothing of what was dropped from it", async () => {
    const { tail, data } = tailWithout(100, 10);
    // What was made in this turn is held until its end.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(data.filter((one) => one.deref() !== undefined)).toEqual([]);
    expect([tail.firstIndex, tail.lastIndex]).toEqual([101, 110]);
  });

  test("goes on past the array's own compaction", () => {
    const { tail } = tailWithout(5_000, 3);
    expect(tail.slice(logIndex(5_001), logIndex(5_004)).map(({ index }) => index)).toEqual([
      5_001, 5_002, 5_003,
    ]);
    expect(tail.at(logIndex(5_000))).toBeUndefined();
  });
});
