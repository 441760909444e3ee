// An event loop that stands still is noticed by the process itself, and before anything that asks.
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { StallWatch } from "../../../src/mesh/node/stall-watch.js";
import { waitFor } from "../../support/wait-for.js";

const COUNTED_MS = 2_000;
const watches: StallWatch[] = [];
afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
});

function bench() {
  const clock = { ms: 0 };
  const counted: number[] = [];
  const watch = new StallWatch({
    monotonicMs: () => clock.ms,
    countedMs: COUNTED_MS,
    onCounted: (stallMs) => counted.push(stallMs),
  });
  watches.push(watch);
  const told: string[] = [];
  watch.onStall(500, (stallMs) => told.push(`doubt ${stallMs}`));
  watch.onStall(COUNTED_MS, (stallMs) => told.push(`give up ${stallMs}`));
  watch.start();
  return { watch, clock, counted, told };
}

describe("a watch for stalls", () => {
  test("tells those whom it concerns, in their order, and counts the long ones", () => {
    const { watch, clock, counted, told } = bench();

    for (const passedMs of [100, 501, 2_001, 500, 3_000]) {
      clock.ms += passedMs;
      watch.look();
    }

    expect(told).toEqual(["doubt 501", "doubt 2001", "give up 2001", "doubt 3000", "give up 3000"]);
    expect(counted).toEqual([2_001, 3_000]);
    expect(watch.counts()).toEqual({ stalls: 2, longestStallMs: 3_000 });
  });

  test("tells of a stall once, whoever looks first", () => {
    const { watch, clock, told } = bench();

    clock.ms += 600;
    watch.look();
    watch.look();

    expect(told).toEqual(["doubt 600"]);
  });

  test("sees nothing once it is stopped", () => {
    const { watch, clock, told } = bench();

    watch.stop();
    clock.ms += 10_000;
    watch.look();

    expect(told).toEqual([]);
  });

  test("finds out by itself, in the turn after the one that blocked", async () => {
    const order: string[] = [];
    const watch = new StallWatch({
      monotonicMs: () => performance.now(),
      countedMs: 400,
      onCounted: () => order.push("stall"),
    });
    watches.push(watch);
    await nextTurn();
    watch.start();

    const untilMs = performance.now() + 500;
    while (performance.now() < untilMs);
    order.push("blocked");
    await nextTurn();
    order.push("next turn");

    await waitFor("it is found", () => order.includes("stall"));
    expect(order).toEqual(["blocked", "stall", "next turn"]);
    expect(watch.counts().longestStallMs).toBeGreaterThanOrEqual(500);
  });
});
