// What the leader made is what it applies, and only where it is what was committed.
import { expect, test } from "vitest";
import { CommandBatch } from "../../../src/gen/mesh/v1/command.js";
import { QueueMachine } from "../../../src/queue/state/queue-machine.js";
import { type Entry, logIndex, term } from "../../../src/raft/index.js";

const drain = (nodeId: string): CommandBatch => ({
  atMs: 1,
  commands: [{ kind: { $case: "drainNode", value: { nodeId, startedAtMs: 0 } } }],
});

const entry = (index: number, ofTerm: number, batch: CommandBatch): Entry => ({
  index: logIndex(index),
  term: term(ofTerm),
  kind: "command",
  data: CommandBatch.encode(batch).finish(),
});

test("the machine applies the batch that was proposed, without decoding it", () => {
  const machine = new QueueMachine();
  const batch = drain("n1");
  machine.proposed({ index: 1, term: 1, batch });

  machine.apply([entry(1, 1, batch)]);

  expect(machine.recent(1)?.batch).toBe(batch);
  expect(machine.drains.get("n1")).toBeDefined();
});

test("the machine applies what was committed where another leader's entry took the place", () => {
  const machine = new QueueMachine();
  machine.proposed({ index: 1, term: 1, batch: drain("n1") });

  machine.apply([entry(1, 2, drain("n2"))]);

  expect(machine.drains.get("n1")).toBeUndefined();
  expect(machine.drains.get("n2")).toBeDefined();
});
