// Log time under clocks that jump, stand, sleep, and contradict one another.
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  type ClockEvent,
  FASTEST,
  LogClock,
  SLOWEST,
} from "../../../src/queue/log-time/log-clock.js";
import { logTimeReasons } from "../../../src/queue/log-time/log-time-words.js";
import { FakeClocks } from "../../support/fake-clocks.js";

const NOW_MS = Date.parse("2027-01-01T00:00:00Z");
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 86_400 * SECOND;

let clocks: FakeClocks;
let told: ClockEvent[];
let voters: string[];
/** How far the clocks of the other voters are ahead of real time. */
let others: Map<string, number>;
let realMs: number;
let clock: LogClock;

beforeEach(() => {
  clocks = new FakeClocks(NOW_MS);
  told = [];
  voters = ["n1"];
  others = new Map();
  realMs = NOW_MS;
  clock = new LogClock({
    nodeId: "n1",
    clocks,
    voters: () => voters,
    tell: (event) => told.push(event),
  });
});

/** With other voters, whose clocks are right at first. */
function among(...ids: readonly string[]): void {
  voters = ["n1", ...ids];
  others = new Map(ids.map((id) => [id, 0]));
  hearOthers();
}

function hearOthers(): void {
  for (const [id, aheadMs] of others) {
    clock.heard(id, { wallMs: realMs + aheadMs, roundTripMs: 0 });
  }
}

/** Time passes, and the others are heard of; what log time was, and how long it took. */
function pass(ms: number, stepMs = 100): number {
  for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
    clocks.pass(Math.min(stepMs, leftMs));
    realMs += Math.min(stepMs, leftMs);
    hearOthers();
    clock.now();
  }
  return clock.now();
}

/** Leads from the last stamp on, which is as old as it says. */
function lead(stampAgeMs = 0): number {
  clock.applied(realMs - stampAgeMs);
  clock.begin();
  return clock.now();
}

const kinds = (): string[] => told.map(({ kind }) => kind);
const reasons = (): string[] => {
  const state = clock.state();
  return state === undefined ? ["it does not lead"] : logTimeReasons(state);
};

describe("log time", () => {
  test("is real time where the clocks are right", () => {
    among("n2", "n3");
    lead();

    expect(pass(10 * SECOND)).toBe(NOW_MS + 10 * SECOND);
    expect(told).toEqual([]);
    expect(reasons()).toEqual([]);
  });

  test("follows at once, before anything is stamped, where the mesh was off for a year", () => {
    among("n2", "n3");

    expect(lead(365 * DAY)).toBe(NOW_MS);
  });

  test("of a new mesh begins with the time of a majority's clocks, or with its own", () => {
    clock.begin();
    expect(clock.now()).toBe(NOW_MS);

    clocks.set(400 * DAY);
    clock = new LogClock({ nodeId: "n1", clocks, voters: () => voters, tell: () => undefined });
    among("n2", "n3");
    clock.begin();
    expect(clock.now()).toBe(NOW_MS);
  });

  test("follows its own clock at once where the only voter was off for a year", () => {
    expect(lead(365 * DAY)).toBe(NOW_MS);
  });

  test("goes on from the last stamp where no majority's clocks are known, and joins them later", () => {
    voters = ["n1", "n2", "n3"];
    expect(lead(DAY)).toBe(NOW_MS - DAY);
    expect(pass(5 * SECOND)).toBe(NOW_MS - DAY + 5 * SECOND);

    among("n2");

    expect(pass(SECOND)).toBe(NOW_MS + 6 * SECOND);
  });

  test("of a node that has read no stamp yet, and does not lead, is what its own clock shows", () => {
    clocks.pass(SECOND);

    expect(clock.now()).toBe(NOW_MS + SECOND);
  });

  test("counts on from the newest stamp while another node leads", () => {
    clock.applied(NOW_MS);
    pass(5 * SECOND);

    expect(clock.now()).toBe(NOW_MS + 5 * SECOND);
  });

  test("is drawn forward by a quarter at most where it lies behind a little", () => {
    among("n2", "n3");
    lead();
    clocks.set(10 * SECOND);
    for (const id of others.keys()) others.set(id, 10 * SECOND);

    expect(pass(20 * SECOND)).toBeCloseTo(NOW_MS + 25 * SECOND, -3);
    expect(pass(40 * SECOND)).toBe(NOW_MS + 70 * SECOND);
    expect(told).toEqual([]);
  });
});

describe("a leader whose clock is wrong", () => {
  test.each([400 * DAY, -400 * DAY, -MINUTE, MINUTE])(
    "by %i ms for six seconds stamps by the others' clocks",
    (byMs) => {
      among("n2", "n3");
      lead();
      clocks.set(byMs);

      expect(pass(6 * SECOND)).toBe(NOW_MS + 6 * SECOND);
      clocks.set(-byMs);
      expect(pass(6 * SECOND)).toBe(NOW_MS + 12 * SECOND);
    },
  );

  test("is told of while it is wrong, and once", () => {
    among("n2", "n3");
    lead();
    clocks.set(400 * DAY);
    pass(30 * SECOND);

    expect(reasons()).toEqual([
      "the clock of node n1 is 400 days ahead, and is not gone by: set it",
    ]);
    expect(kinds()).toEqual(["astray"]);
    expect(clock.clockAheadMs("n1")).toBe(400 * DAY);

    clocks.set(-400 * DAY);
    pass(SECOND);
    expect(reasons()).toEqual([]);
    expect(kinds()).toEqual(["astray", "right-again"]);
  });

  test("when it is elected stamps by the others' clocks, too", () => {
    clocks.set(400 * DAY);
    among("n2", "n3");

    expect(lead(DAY)).toBe(NOW_MS);
    expect(reasons()).toEqual([expect.stringContaining("node n1 is 400 days ahead")]);
  });

  test("among two changes nothing: nobody knows which of the clocks is right", () => {
    among("n2");
    lead();
    clocks.set(400 * DAY);
    expect(pass(5 * MINUTE)).toBe(NOW_MS + 5 * MINUTE);

    others.set("n2", -400 * DAY);
    expect(pass(5 * MINUTE)).toBe(NOW_MS + 10 * MINUTE);
  });

  test("among five with two others that are wrong stamps by the right ones", () => {
    among("n2", "n3", "n4", "n5");
    others.set("n2", 400 * DAY);
    others.set("n3", -DAY);
    lead();

    expect(pass(SECOND)).toBe(NOW_MS + SECOND);
    expect(reasons()).toHaveLength(2);
  });
});

describe("a jump that a majority's clocks show", () => {
  const setAll = (byMs: number): void => {
    clocks.set(byMs);
    realMs += byMs;
    hearOthers();
  };

  test("is not followed where it lasts for six seconds", () => {
    among("n2", "n3");
    lead();
    setAll(400 * DAY);
    expect(pass(6 * SECOND)).toBe(NOW_MS + 6 * SECOND);
    expect(reasons()[0]).toBe(
      "the clocks were set forward by 400 days, which is not followed unless it holds for 10 seconds",
    );
    setAll(-400 * DAY);

    expect(pass(MINUTE)).toBe(NOW_MS + 66 * SECOND);
    expect(kinds().filter((kind) => kind === "refused")).toHaveLength(1);
    expect(reasons()).toEqual([]);
  });

  test("is followed once it has held for ten seconds", () => {
    among("n2", "n3");
    lead();
    setAll(400 * DAY);

    expect(pass(11 * SECOND)).toBe(NOW_MS + 400 * DAY + 11 * SECOND);
    expect(kinds()).toContain("followed");
    expect(clock.state()?.refusedJumps).toBe(1);
  });

  test("back slows log time down, and never holds it up", () => {
    among("n2", "n3");
    lead();
    setAll(-MINUTE);

    expect(pass(100 * SECOND)).toBeCloseTo(NOW_MS + 100 * SECOND * SLOWEST, -3);
    expect(pass(200 * SECOND)).toBeCloseTo(NOW_MS + 240 * SECOND, -3);
    expect(pass(MINUTE)).toBe(NOW_MS + 300 * SECOND);
  });
});

describe("the clock of a voter that is alone", () => {
  test("is not followed where it is ahead for six seconds", () => {
    lead();
    clocks.set(400 * DAY);
    pass(6 * SECOND);
    clocks.set(-400 * DAY);

    expect(pass(MINUTE)).toBe(NOW_MS + 66 * SECOND);
    expect(kinds()).toEqual(["refused"]);
  });

  test("is followed once it has held for a minute", () => {
    lead();
    clocks.set(DAY);

    expect(pass(59 * SECOND)).toBe(NOW_MS + 59 * SECOND);
    expect(reasons()).toEqual([expect.stringContaining("unless it holds for 60 seconds")]);
    expect(pass(2 * SECOND)).toBe(NOW_MS + DAY + 61 * SECOND);
    expect(kinds()).toEqual(["refused", "followed"]);
  });

  test("is not believed anew where it leads anew", () => {
    lead();
    clocks.set(400 * DAY);
    pass(SECOND);
    clock.end();
    clock.begin();

    expect(pass(SECOND)).toBe(NOW_MS + 2 * SECOND);
  });
});

describe("log time that lies 400 days ahead, as an earlier version left it", () => {
  test("goes on, slower, and says how far it is", () => {
    among("n2", "n3");
    const fromMs = lead(-400 * DAY);
    expect(fromMs).toBe(NOW_MS + 400 * DAY);

    expect(pass(100 * SECOND)).toBe(fromMs + 80 * SECOND);
    expect(reasons()).toEqual([
      "log time is 400 days ahead of real time, and goes slower until then",
    ]);
    expect(clock.state()?.aheadMs).toBe(400 * DAY - 20 * SECOND);
  });
});

describe("a machine that sleeps", () => {
  test("all of them: log time is there ten seconds after they woke", () => {
    among("n2", "n3");
    lead();
    clocks.sleep(8 * 3_600 * SECOND);
    realMs += 8 * 3_600 * SECOND;

    pass(30 * SECOND);

    expect(clock.now()).toBe(realMs);
  });

  test("alone: log time is there a minute after it woke", () => {
    lead();
    clocks.sleep(DAY);
    realMs += DAY;

    expect(pass(2 * MINUTE)).toBe(realMs);
  });

  test("for a short while: log time is drawn nearer", () => {
    lead();
    clocks.sleep(20 * SECOND);
    realMs += 20 * SECOND;

    expect(pass(90 * SECOND)).toBe(realMs);
    expect(told).toEqual([]);
  });
});

test("log time never goes back, never stands, and never runs ahead unless the clocks say so for long", () => {
  const change = fc.record({
    node: fc.constantFrom("n1", "n2", "n3"),
    byMs: fc.constantFrom(400 * DAY, -400 * DAY, -MINUTE, 30 * SECOND, 5, -5, 2 * MINUTE),
    forMs: fc.integer({ min: 1, max: 9_000 }),
    isReElected: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      clocks = new FakeClocks(NOW_MS);
      realMs = NOW_MS;
      clock = new LogClock({
        nodeId: "n1",
        clocks,
        voters: () => voters,
        tell: () => undefined,
      });
      among("n2", "n3");
      let lastMs = lead();
      // One clock at a time is wrong.
      for (const { node, byMs, forMs, isReElected } of changes) {
        const set = (ms: number): void => {
          if (node === "n1") clocks.set(ms);
          else others.set(node, (others.get(node) ?? 0) + ms);
        };
        set(byMs);
        if (isReElected) {
          clock.applied(lastMs);
          clock.end();
          clock.begin();
        }
        const nextMs = pass(forMs, 50);
        expect(nextMs - lastMs).toBeGreaterThanOrEqual(Math.floor(forMs * SLOWEST) - 1);
        expect(nextMs - lastMs).toBeLessThanOrEqual(Math.ceil(forMs * FASTEST) + 1);
        expect(Math.abs(nextMs - realMs)).toBeLessThan(MINUTE);
        set(-byMs);
        lastMs = pass(1_000, 50);
      }
    }),
  );
});
