// A leader asks after nodes it does not hear of, and has those that live give back what they run.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NOT_REACHED } from "../../../src/api/liveness-service.js";
import type { ProbeRequest, ProbeResponse } from "../../../src/gen/mesh/v1/liveness_service.js";
import type { TaskReport } from "../../../src/gen/mesh/v1/worker_service.js";
import { WorkerProbes } from "../../../src/mesh/leader/worker-probes.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import { taskReport, workerHello } from "../../support/queue-fixtures.js";

const LEASE_MS = 1_000;
const LAST_INDEX = 42;
type Answer = (request: ProbeRequest) => ProbeResponse;

const dead: Answer = () => NOT_REACHED;
const alive: Answer = ({ revocation }) => ({
  reached: true,
  revoked: revocation !== undefined,
  startedAtMs: 1,
  reports: [],
});

/** A leader n1 with workers n2, n3 and n4; what is asked of an address is answered as the test says. */
function bench() {
  const clock = { ms: 0 };
  const workers = new WorkerDirectory(LEASE_MS, 0, 0);
  for (const id of ["n1", "n2", "n3", "n4"]) {
    workers.attach(workerHello(id), 0, 0);
    workers.granted(id, 0);
  }
  const answers = new Map<string, Answer>();
  const asked: { readonly at: string; readonly request: ProbeRequest }[] = [];
  const taken: { node: string; index: number; reports: readonly TaskReport[] }[] = [];
  const state = { leads: true };
  const attempts = {
    revoked: (node: string, index: number, reports: readonly TaskReport[]) =>
      taken.push({ node, index, reports }),
  };
  const probes = new WorkerProbes({
    nodeId: "n1",
    meshId: "mesh",
    leaseMs: LEASE_MS,
    leader: () => (state.leads ? { workers, attempts } : undefined),
    term: () => 3,
    lastIndex: () => LAST_INDEX,
    probe: (address, request) => {
      const at = address.replace(":50051", "");
      asked.push({ at, request });
      return Promise.resolve((answers.get(at) ?? dead)(request));
    },
    monotonicMs: () => clock.ms,
    random: () => 0,
    logger: { warn: () => undefined } as never,
  });
  /** Time goes on; all nodes but the silent one are granted their leases. */
  const pass = async (ms: number, silent: string): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.ms += 10;
      for (const id of ["n1", "n2", "n3", "n4"]) if (id !== silent) workers.granted(id, clock.ms);
      await vi.advanceTimersByTimeAsync(10);
    }
  };
  const reachability = (id: string) => workers.get(id)?.reachability;
  const takesWork = (id: string) =>
    [...workers.all()].some((w) => w.id === id && workers.takesWork(w));
  return { workers, answers, asked, taken, state, probes, pass, reachability, takesWork };
}

describe("a leader that does not hear of a node", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("asks after nobody that it hears of, nor after itself", async () => {
    const { asked, pass } = bench();
    await pass(3 * LEASE_MS, "n1");
    expect(asked).toEqual([]);
  });

  test("asks at the node first, and leaves one its tasks that answers", async () => {
    const { answers, asked, taken, pass, reachability } = bench();
    answers.set("n2", alive);

    await pass(0.8 * LEASE_MS, "n2");

    expect(asked[0]).toMatchObject({ at: "n2", request: { nodeId: "n2", direct: true } });
    expect(asked.every(({ request }) => request.revocation === undefined)).toBe(true);
    expect(taken).toEqual([]);
    expect(reachability("n2")).toBe("direct");
  });

  test("has one that answers, and still asks for no lease, give back what it runs", async () => {
    const { answers, taken, pass, workers } = bench();
    answers.set("n2", (request) => ({ ...alive(request), reports: [taskReport("a", 1)] }));

    await pass(0.95 * LEASE_MS, "n2");

    expect(workers.isLost("n2", 0.95 * LEASE_MS)).toBe(false);
    expect(taken[0]).toMatchObject({ node: "n2", index: LAST_INDEX });
    expect(taken[0]?.reports.map(({ taskId }) => taskId)).toEqual(["a"]);
  });

  test("asks others where it does not answer, and takes back what they have it give up", async () => {
    const { answers, asked, taken, pass, reachability, takesWork } = bench();
    answers.set("n3", alive);

    await pass(0.8 * LEASE_MS, "n2");

    const relayed = asked.filter(({ at }) => at !== "n2");
    expect(new Set(relayed.map(({ at }) => at))).toEqual(new Set(["n3", "n4"]));
    expect(relayed[0]?.request).toEqual({
      meshId: "mesh",
      nodeId: "n2",
      direct: false,
      revocation: { term: 3, index: LAST_INDEX },
    });
    expect(taken[0]).toMatchObject({ node: "n2", index: LAST_INDEX });
    expect([reachability("n2"), takesWork("n2")]).toEqual(["through-peers", false]);
  });

  test("takes nothing from a node that nobody reaches: its lease decides", async () => {
    const { taken, pass, reachability, takesWork } = bench();

    await pass(3 * LEASE_MS, "n2");

    expect(taken).toEqual([]);
    expect([reachability("n2"), takesWork("n2")]).toEqual(["none", false]);
  });

  test("takes nothing where another process answers under the node's name", async () => {
    const { answers, taken, pass } = bench();
    answers.set("n2", (request) => ({ ...alive(request), startedAtMs: 2 }));

    await pass(3 * LEASE_MS, "n2");

    expect(taken).toEqual([]);
  });

  test("takes nothing where the node does not obey", async () => {
    const { answers, taken, pass } = bench();
    answers.set("n2", (request) => ({ ...alive(request), revoked: false }));

    await pass(3 * LEASE_MS, "n2");

    expect(taken).toEqual([]);
  });

  test("gives it work again once it has a lease", async () => {
    const { answers, pass, reachability, takesWork } = bench();
    answers.set("n3", alive);
    await pass(LEASE_MS, "n2");
    expect(takesWork("n2")).toBe(false);

    await pass(100, "nobody");

    expect([reachability("n2"), takesWork("n2")]).toEqual(["direct", true]);
  });

  test("asks now and then how it is while it is lost, and not at all when it leads no more", async () => {
    const { asked, state, pass } = bench();
    await pass(2 * LEASE_MS, "n2");
    const before = asked.length;
    await pass(2_000, "n2");
    // Each time the node and its two peers.
    expect(asked.length - before).toBeLessThanOrEqual(9);
    expect(asked.length).toBeGreaterThan(before);

    state.leads = false;
    const atEnd = asked.length;
    await pass(3_000, "n2");
    expect(asked.length).toBe(atEnd);
  });
});
