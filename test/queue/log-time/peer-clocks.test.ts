// What is made of the clocks of other nodes.
import { describe, expect, test } from "vitest";
import { middleOfMajority, PeerClocks } from "../../../src/queue/log-time/peer-clocks.js";

describe("a peer's clock", () => {
  test("is known by the time at which its reading was on its way back for half of the round trip", () => {
    const peers = new PeerClocks();
    peers.note("n2", { wallMs: 50_000, roundTripMs: 200 }, 1_100);

    expect(peers.offsetMs("n2", 2_000)).toBe(49_000);
  });

  test("is not known any more once it was not heard of for long", () => {
    const peers = new PeerClocks();
    peers.note("n2", { wallMs: 50_000, roundTripMs: 0 }, 1_000);

    expect(peers.offsetMs("n2", 16_000)).toBe(49_000);
    expect(peers.offsetMs("n2", 16_001)).toBeUndefined();
  });

  test("is not told worse by a reading that took longer, unless that contradicts it", () => {
    const peers = new PeerClocks();
    peers.note("n2", { wallMs: 50_000, roundTripMs: 2 }, 1_001);
    peers.note("n2", { wallMs: 50_100, roundTripMs: 1_000 }, 2_000);
    expect(peers.offsetMs("n2", 2_000)).toBe(49_000);

    peers.note("n2", { wallMs: 90_000, roundTripMs: 1_000 }, 2_000);
    expect(peers.offsetMs("n2", 2_000)).toBe(88_500);
  });

  test.each([
    [-1, 50_000],
    [20_001, 50_000],
    [NaN, 50_000],
    [1, NaN],
  ])(
    "is not known by a reading with a round trip of %d ms that shows %d",
    (roundTripMs, wallMs) => {
      const peers = new PeerClocks();
      peers.note("n2", { wallMs, roundTripMs }, 1_000);

      expect(peers.offsetMs("n2", 1_000)).toBeUndefined();
    },
  );
});

describe("the middle of a majority's clocks", () => {
  test.each([
    [[5], 1, [5, 5]],
    [[5], 2, undefined],
    [[1, 9], 2, [1, 9]],
    [[5], 3, undefined],
    [[1, 9], 3, [1, 9]],
    [[9, 1, 2], 3, [2, 2]],
    [[1, 2], 4, undefined],
    [[1, 2, 400], 4, [2, 2]],
    [[1, 2, 400], 5, [2, 2]],
    [[400, 1, 300, 2, 3], 5, [3, 3]],
    [[], 0, undefined],
  ])("of %j among %d voters", (known, voters, expected) => {
    const middle = middleOfMajority(known, voters);

    expect(middle && [middle.lowMs, middle.highMs]).toEqual(expected);
  });
});
