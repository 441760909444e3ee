// Which nodes the leader may give work to.
import { describe, expect, test } from "vitest";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";

const LEASE_MS = 1_000;

const hello = {
  nodeId: "n1",
  concurrency: 4,
  labels: [],
  types: ["process"],
  address: "127.0.0.1:1",
  host: "here",
  pid: 1,
  version: "1",
  draining: false,
  meshId: "m",
  startedAtMs: 1,
  stalls: 0,
  longestStallMs: 0,
  heldTypes: [],
  handlerTrouble: "",
  blockingTypes: [],
  speaks: 1,
};

function freeSlots(directory: WorkerDirectory): number {
  const [opening] = directory.openings({ shareOf: () => 1 });
  return opening?.freeSlots ?? 0;
}

describe("how a node was lost", () => {
  test("a stream that stands says that its process lives; anything else does not", () => {
    const directory = new WorkerDirectory(LEASE_MS, 0, 0);
    expect(directory.lossOf("n1")).toBe("gone");

    directory.attach(hello, 0, 0);
    expect(directory.lossOf("n1")).toBe("lapsed");

    directory.detach("n1");
    expect(directory.lossOf("n1")).toBe("gone");
  });
});

describe("a node whose stream stands but that has fallen silent", () => {
  test("gets no work from the moment its tasks may be given away until it asks for a lease", () => {
    const directory = new WorkerDirectory(LEASE_MS, 0, 0);
    const worker = directory.attach(hello, 0, 0);
    directory.granted(worker.id, 0);

    directory.noteSilent(LEASE_MS);
    expect(freeSlots(directory)).toBe(4);

    const lostAtMs = 2 * LEASE_MS;
    expect(directory.isLost("n1", lostAtMs)).toBe(true);
    directory.noteSilent(lostAtMs);
    expect(freeSlots(directory)).toBe(0);

    directory.granted("n1", lostAtMs + 1);
    expect(freeSlots(directory)).toBe(4);
  });
});
