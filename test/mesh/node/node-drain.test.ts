// What a node does when the log says that it is to leave.
import { describe, expect, test } from "vitest";
import { NodeDrain } from "../../../src/mesh/node/node-drain.js";
import { DrainTable } from "../../../src/queue/state/drain-table.js";
import { createLogger } from "../../../src/telemetry/logger.js";

const STARTED_MS = 1_000;

function drainOf(drains: DrainTable) {
  const did: string[] = [];
  const drain = new NodeDrain({
    nodeId: "n1",
    startedAtMs: STARTED_MS,
    drains,
    yieldLeadership: () => did.push("yield"),
    announce: () => did.push("announce"),
    endWork: () => {
      did.push("end work");
      return Promise.resolve();
    },
    logger: createLogger({ log: { level: "silent", format: "json" } }),
  });
  return { drain, did };
}

const decide = (drains: DrainTable, nodeId: string, startedAtMs: number): void =>
  drains.apply({
    atMs: 2_000,
    commands: [{ kind: { $case: "drainNode", value: { nodeId, startedAtMs } } }],
  });

describe("a node that is to leave", () => {
  test("lets others lead, says so and ends its work, once", () => {
    const drains = new DrainTable();
    const { drain, did } = drainOf(drains);
    drain.check();
    expect(did).toEqual([]);

    decide(drains, "n1", STARTED_MS);
    drain.check();
    drain.check();

    expect(did).toEqual(["yield", "announce", "end work"]);
  });

  test("goes on where the decision was about another node, or about a process before it", () => {
    const drains = new DrainTable();
    const { drain, did } = drainOf(drains);

    decide(drains, "n2", STARTED_MS);
    decide(drains, "n1", STARTED_MS - 500);
    drain.check();

    expect(did).toEqual([]);
  });
});
