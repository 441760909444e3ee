// What a transport's news that a process has ended does: to a dead leader's followers, and where it is
// not so.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NodeId, nodeId } from "../../../src/raft/core/index.js";
import { membershipOf, ScenarioCluster } from "../../support/raft-scenario-cluster.js";

const IDS = ["1", "2", "3"].map(nodeId);
const [FIRST = nodeId("1"), SECOND = nodeId("2"), THIRD = nodeId("3")] = IDS;
const ELECTION_TICKS = 20;
/** Until a heartbeat is overdue, and the spread behind that. */
const HASTENED_TICKS = 4;

type Draws = Readonly<Record<string, readonly number[]>>;

/** Led by the first; from then on each server draws its own numbers, and the middle behind them. */
function ledByFirst(draws: Draws = {}, onDraw: (by: NodeId) => void = () => undefined) {
  const cluster = new ScenarioCluster();
  const left = new Map<NodeId, number[]>();
  for (const id of IDS) {
    const random = () => {
      onDraw(id);
      return left.get(id)?.shift() ?? 0.5;
    };
    cluster.addNode(id, membershipOf(IDS), { electionTicks: ELECTION_TICKS, random });
  }
  cluster.core(FIRST).campaign();
  cluster.stabilize(IDS);
  for (const id of IDS) left.set(id, [...(draws[id] ?? [])]);
  return cluster;
}

function passTime(cluster: ScenarioCluster, ticks: number): void {
  const up = IDS.filter((id) => cluster.isUp(id));
  for (let tick = 0; tick < ticks; tick += 1) {
    for (const id of up) cluster.core(id).tick();
    cluster.stabilize(up);
  }
}

function rolesOf(cluster: ScenarioCluster, ids: readonly NodeId[]): readonly string[] {
  return ids.map((id) => cluster.core(id).status().role).sort();
}

function crashFirst(cluster: ScenarioCluster): void {
  cluster.crash(FIRST);
  for (const id of [SECOND, THIRD]) cluster.core(id).reportGone(FIRST);
}

describe("a leader that is gone", () => {
  it("is replaced once its heartbeat is overdue, long before an election timeout", () => {
    const cluster = ledByFirst({ [SECOND]: [0], [THIRD]: [0.9] });

    crashFirst(cluster);
    passTime(cluster, HASTENED_TICKS);

    expect(rolesOf(cluster, [SECOND, THIRD])).toEqual(["follower", "leader"]);
  });

  it("is replaced as soon again where the first votes were split", () => {
    // One draw for the first campaign, one for each step of it: the last is for the next.
    const cluster = ledByFirst({ [SECOND]: [0, 0, 0], [THIRD]: [0, 0, 0.9] });

    crashFirst(cluster);
    passTime(cluster, 2 * HASTENED_TICKS);

    const terms = [SECOND, THIRD].map((id) => cluster.core(id).status().term);
    expect(Math.max(...terms)).toBeGreaterThan(2);
    expect(rolesOf(cluster, [SECOND, THIRD])).toEqual(["follower", "leader"]);
  });

  it("makes nobody campaign in haste for ever where nobody can win", () => {
    let draws = 0;
    const cluster = ledByFirst({}, (by) => (draws += by === SECOND ? 1 : 0));
    crashFirst(cluster);
    cluster.crash(THIRD);
    passTime(cluster, ELECTION_TICKS);
    draws = 0;

    passTime(cluster, 6 * ELECTION_TICKS);

    // One draw for each election timeout, of 1.5 times its minimum.
    expect(draws).toBeLessThanOrEqual(4);
    expect(cluster.core(SECOND).status().role).toBe("pre-candidate");
  });

  it("is waited for as ever by servers that were not told", () => {
    const untold = ledByFirst();
    untold.crash(FIRST);
    passTime(untold, ELECTION_TICKS - 1);
    expect(rolesOf(untold, [SECOND, THIRD])).toEqual(["follower", "follower"]);
  });
});

describe("a leader that is said to be gone, and lives", () => {
  it("goes on leading, whoever is told so and how often", () => {
    const told = fc.array(fc.record({ id: fc.constantFrom(SECOND, THIRD), ticks: fc.nat(3) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(told, fc.infiniteStream(fc.nat(99)), (reports, numbers) => {
        const draws = () => Array.from({ length: 50 }, () => (numbers.next().value ?? 0) / 100);
        const cluster = ledByFirst({ [SECOND]: draws(), [THIRD]: draws() });
        for (const { id, ticks } of reports) {
          cluster.core(id).reportGone(FIRST);
          passTime(cluster, ticks);
        }
        passTime(cluster, 3 * ELECTION_TICKS);
        const { role, term } = cluster.core(FIRST).status();
        expect({ role, term }).toEqual({ role: "leader", term: 1 });
      }),
      { numRuns: 100 },
    );
  });

  it("is given a whole election timeout again once it was heard", () => {
    const cluster = ledByFirst();
    cluster.core(SECOND).reportGone(FIRST);
    passTime(cluster, 1);
    cluster.crash(FIRST);

    passTime(cluster, ELECTION_TICKS - 1);

    expect(cluster.core(SECOND).status().role).toBe("follower");
  });
});

describe("another follower that is gone", () => {
  it("hastens nothing: the leader is given its whole election timeout", () => {
    const cluster = ledByFirst();
    cluster.crash(THIRD);
    cluster.core(SECOND).reportGone(THIRD);
    cluster.crash(FIRST);

    passTime(cluster, ELECTION_TICKS - 1);

    expect(cluster.core(SECOND).status().role).toBe("follower");
  });
});
