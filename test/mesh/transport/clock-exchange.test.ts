// Two nodes that tell each other what their clocks show, along with what they send anyhow.
import { beforeEach, expect, test } from "vitest";
import type { ClockReading } from "../../../src/gen/raft/v1/raft.js";
import { ClockExchange } from "../../../src/mesh/transport/clock-exchange.js";
import type { ClockSample } from "../../../src/queue/log-time/peer-clocks.js";
import { FakeClocks } from "../../support/fake-clocks.js";

let mine: FakeClocks;
let theirs: FakeClocks;
let n1: ClockExchange;
let n2: ClockExchange;
let samples: ClockSample[];

function exchange(clocks: FakeClocks, onSample: (id: string, sample: ClockSample) => void) {
  const isMember = (id: string): boolean => id !== "stranger";
  return new ClockExchange({ clocks, random: () => 0.5, isMember, onSample });
}

beforeEach(() => {
  mine = new FakeClocks(1_000_000, 7);
  theirs = new FakeClocks(5_000_000, 90_000);
  samples = [];
  n1 = exchange(mine, (_, sample) => samples.push(sample));
  n2 = exchange(theirs, () => undefined);
});

function pass(ms: number): void {
  mine.pass(ms);
  theirs.pass(ms);
}

function sent(from: ClockExchange, to: string): ClockReading {
  const reading = from.toSend(to);
  if (reading === undefined) throw new Error("nothing is told");
  return reading;
}

test("a clock is known by the first answer, whatever time the answer took to begin", () => {
  const asked = sent(n1, "n2");
  pass(30);
  n2.received("n1", asked);
  pass(500);
  const answer = sent(n2, "n1");
  pass(20);
  n1.received("n2", answer);

  expect(samples).toEqual([{ wallMs: 5_000_530, roundTripMs: 50 }]);
});

test("a peer is asked once a second, and answered at once", () => {
  sent(n1, "n2");
  pass(999);
  expect(n1.toSend("n2")).toBeUndefined();
  n1.received("n2", { wallMs: 1, stamp: 77, echo: 0, echoHeldMs: 0 });
  expect(n1.toSend("n2")).toMatchObject({ stamp: 0, echo: 77 });
  expect(n1.toSend("n2")).toBeUndefined();
  pass(1);
  expect(n1.toSend("n2")).toMatchObject({ echo: 0 });
});

test("a stamp counts once, and one that was never sent not at all", () => {
  const { stamp } = sent(n1, "n2");
  const answer = { wallMs: 1, stamp: 0, echo: stamp, echoHeldMs: 0 };
  n1.received("n2", answer);
  n1.received("n2", answer);
  n1.received("n2", { ...answer, echo: 12_345 });
  n1.received("n3", answer);

  expect(samples).toHaveLength(1);
});

test("nothing is kept of a node that is no member", () => {
  n1.received("stranger", { wallMs: 1, stamp: 5, echo: 0, echoHeldMs: 0 });

  expect(n1.toSend("stranger")).toMatchObject({ echo: 0 });
});
