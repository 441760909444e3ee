// The world that the cores run in: chance, time, network and disk do what the simulator relies on.
import { beforeEach, describe, expect, it } from "vitest";
import {
  type Entry,
  emptyMembership,
  logIndex,
  nodeId,
  term,
  type Write,
} from "../../src/raft/core/index.js";
import { Disk, StorageCorrupt } from "./disk.js";
import { EventQueue, US_PER_S } from "./event-queue.js";
import { HEALTHY_NETWORK, Network } from "./network.js";
import { Prng } from "./prng.js";
import { checksum } from "./state-machine.js";

let events = new EventQueue();
const run = (seconds = 10): void => {
  while (events.runNext(events.now + seconds * US_PER_S));
};

beforeEach(() => {
  events = new EventQueue();
});

describe("chance", () => {
  it("comes out the same for the same seed, and otherwise not", () => {
    const draw = (seed: number): number[] => {
      const prng = new Prng(seed);
      return [prng.uint32(), prng.below(1000), prng.fork("a").uint32()];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(2 ** 40)).not.toEqual(draw(2 ** 41));
  });

  it("spreads evenly", () => {
    const prng = new Prng(1);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw += 1) {
      const bucket = prng.below(10);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe("virtual time", () => {
  it("runs events by time, and in the order of scheduling where times are equal", () => {
    const order: string[] = [];
    events.after(20, () => order.push("late"));
    events.after(10, () => order.push("first"));
    events.after(10, () => order.push("second"));
    events.after(10, () => events.after(0, () => order.push("from within")));
    run();
    expect(order).toEqual(["first", "second", "from within", "late"]);
  });

  it("goes on in order through thousands of random events", () => {
    const prng = new Prng(3);
    const times: number[] = [];
    for (let count = 0; count < 2_000; count += 1) {
      events.after(prng.below(1_000), () => times.push(events.now));
    }
    run();
    expect(times).toEqual(times.toSorted((left, right) => left - right));
    expect(times).toHaveLength(2_000);
  });
});

describe("the network", () => {
  const got: [string, number][] = [];
  let network = new Network<number>(events, new Prng(1), () => undefined);
  beforeEach(() => {
    got.length = 0;
    network = new Network<number>(events, new Prng(1), (_from, to, packet) => {
      got.push([to, packet]);
    });
  });

  it("cuts one way only, also what is under way, until the last cut is mended", () => {
    network.send("a", "b", 1);
    const mends = [network.cut("a", "b"), network.cut("a", "b")];
    network.send("b", "a", 2);
    run();
    mends[0]?.();
    mends[0]?.();
    network.send("a", "b", 3);
    run();
    expect(got).toEqual([["a", 2]]);
    mends[1]?.();
    network.send("a", "b", 4);
    run();
    expect(got).toEqual([
      ["a", 2],
      ["b", 4],
    ]);
  });

  it("loses, doubles and reorders as told", () => {
    network.conditions = {
      ...HEALTHY_NETWORK,
      lossProbability: 0.2,
      duplicateProbability: 0.2,
      meanJitterUs: 10_000,
    };
    for (let packet = 0; packet < 1_000; packet += 1) network.send("a", "b", packet);
    run();
    const packets = got.map(([, packet]) => packet);
    const distinct = new Set(packets).size;
    expect(Math.abs(distinct - 800)).toBeLessThan(60);
    expect(Math.abs(packets.length - distinct - 160)).toBeLessThan(50);
    expect(packets).not.toEqual(packets.toSorted((left, right) => left - right));
  });
});

describe("a disk", () => {
  const entry = (index: number, inTerm = 1): Entry => ({
    index: logIndex(index),
    term: term(inTerm),
    kind: "command",
    data: Uint8Array.of(index),
  });
  const write = (sequence: number, part: Partial<Write>): Write => ({
    sequence,
    hardState: undefined,
    entries: [],
    snapshotChunk: undefined,
    messagesAfter: [],
    ...part,
  });
  const filled = (seed: number, entries: readonly Entry[]): Disk => {
    const disk = new Disk(events, new Prng(seed));
    disk.submit(write(1, { entries }), () => undefined);
    run();
    return disk;
  };

  it("keeps what was synced, and some prefix of what was not, through a crash", () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 60; seed += 1) {
      const disk = filled(seed, [entry(1), entry(2)]);
      disk.submit(write(2, { entries: [entry(3), entry(4)] }), () => expect.unreachable());
      disk.submit(write(3, { entries: [entry(5)] }), () => expect.unreachable());
      disk.crash();
      run();
      lengths.add(disk.lastIndex());
      expect(disk.lastIndex()).toBeGreaterThanOrEqual(2);
    }
    expect([...lengths].toSorted()).toEqual([2, 3, 4, 5]);
  });

  it("replaces what stands at the first entry's index or after", () => {
    const disk = filled(1, [entry(1), entry(2), entry(3)]);
    disk.submit(write(2, { entries: [entry(2, 2)] }), () => undefined);
    run();
    expect(disk.lastIndex()).toBe(2);
    expect(disk.term(logIndex(2))).toBe(2);
  });

  it("refuses to read what is not on disk yet, and what is being replaced", () => {
    const disk = filled(1, [entry(1), entry(2)]);
    expect(() => disk.entries(logIndex(1), logIndex(4), 100)).toThrow("before it was persisted");
    disk.submit(write(2, { entries: [entry(2, 2)] }), () => undefined);
    expect(() => disk.entries(logIndex(1), logIndex(3), 100)).toThrow("while it is replaced");
  });

  it("notices a rotten record when it is read or opened, and never hands it out", () => {
    const disk = filled(1, [entry(1), entry(2)]);
    expect(disk.rot()).toBe(true);
    expect(() => disk.entries(logIndex(1), logIndex(2), 100)).toThrow(StorageCorrupt);
    expect(() => disk.check()).toThrow(StorageCorrupt);
  });

  it("takes a snapshot chunk by chunk, and throws it away where its checksum is wrong", () => {
    const data = Uint8Array.of(1, 2, 3, 4);
    const meta = {
      index: logIndex(9),
      term: term(2),
      membership: { ...emptyMembership, voters: [{ id: nodeId("n1"), address: "" }] },
      sizeBytes: data.length,
      checksum: checksum(data),
    };
    const receive = (disk: Disk, second: Uint8Array): string[] => {
      const outcomes: string[] = [];
      for (const [at, part] of [data.slice(0, 2), second].entries()) {
        const snapshotChunk = { meta, offset: at * 2, data: part, done: at === 1 };
        disk.submit(write(at + 2, { snapshotChunk }), (outcome) => outcomes.push(outcome));
      }
      run();
      return outcomes;
    };
    const disk = filled(1, [entry(1)]);
    expect(receive(disk, Uint8Array.of(3, 5))).toEqual(["durable", "snapshot-corrupt"]);
    expect(disk.lastIndex()).toBe(1);
    expect(receive(disk, Uint8Array.of(3, 4))).toEqual(["durable", "durable"]);
    expect([disk.firstIndex(), disk.lastIndex(), disk.term(logIndex(9))]).toEqual([10, 9, 2]);
  });
});
