// What a leader remembers of its choices: that of each entry, and no more than it may.
import { describe, expect, test } from "vitest";
import { Placements } from "../../../src/queue/why/placements.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import { NOW_MS, runningTask, workerHello } from "../../support/queue-fixtures.js";

const POLICY = "least-loaded";

/** Two tasks for n1, and what is left free after that. */
function decided(...freeSlots: number[]) {
  const workers = new WorkerDirectory(1_000, 0, 500);
  const openings = freeSlots.map((slots, at) => ({
    worker: workers.attach(workerHello(`n${at + 1}`), 2, 0),
    freeSlots: slots,
  }));
  const { assignment } = runningTask("a", 1);
  return { assigns: [{ nodeId: "n1", assignments: [assignment, assignment] }], openings };
}

describe("the leader's placements", () => {
  test("say of an entry when it was made, for how many tasks, and which nodes there were", () => {
    const placements = new Placements();
    placements.record(7, NOW_MS, "weighted", decided(0, 1));

    expect(placements.of(7)).toMatchObject({
      atMs: NOW_MS,
      policy: "weighted",
      assigned: 2,
      // Before the entry took two slots of n1.
      considered: [
        { id: "n1", running: 0, freeSlots: 2, relativeServiceTime: 1 },
        { id: "n2", running: 2, freeSlots: 1, relativeServiceTime: 1 },
      ],
    });
    expect(placements.of(8)).toBeUndefined();
  });

  test("are those of the newest entries", () => {
    const placements = new Placements(3);
    for (let index = 1; index <= 5; index += 1)
      placements.record(index, NOW_MS, POLICY, decided(1));

    const known = [1, 2, 3, 4, 5].filter((index) => placements.of(index) !== undefined);
    expect(known).toEqual([3, 4, 5]);
  });

  test("are fewer where there are many nodes, but never none", () => {
    const placements = new Placements(100, 5);
    placements.record(1, NOW_MS, POLICY, decided(1, 1, 1));
    placements.record(2, NOW_MS, POLICY, decided(1, 1, 1));
    expect([placements.of(1), placements.of(2)?.index]).toEqual([undefined, 2]);

    placements.record(3, NOW_MS, POLICY, decided(1, 1, 1, 1, 1, 1));
    expect([placements.of(2), placements.of(3)?.index]).toEqual([undefined, 3]);
  });
});
