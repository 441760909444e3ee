// Liveness where some links are down for good: as long as one server reaches a majority directly, the
// cluster gets a leader that reaches one, and keeps it (Omni-Paxos, EuroSys 2023, section 2).
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeId } from "../../../src/raft/core/index.js";
import { membershipOf, ScenarioCluster } from "../../support/raft-scenario-cluster.js";
import type { NodeId } from "../../../src/raft/core/index.js";

/** Check-quorum, then a few elections that may collide. */
const TICKS_TO_ELECT = 400;
const TICKS_TO_KEEP = 200;
const RUNS = 60;

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function newCluster(size: number, seed: number): { cluster: ScenarioCluster; ids: NodeId[] } {
  const ids = Array.from({ length: size }, (_, position) => nodeId(String(position + 1)));
  const cluster = new ScenarioCluster();
  ids.forEach((id, position) => {
    cluster.addNode(id, membershipOf(ids), { random: seeded(seed * size + position) });
  });
  return { cluster, ids };
}

function passTime(cluster: ScenarioCluster, ids: readonly NodeId[], ticks: number): void {
  for (let tick = 0; tick < ticks; tick += 1) {
    for (const id of ids) cluster.core(id).tick();
    cluster.stabilize(ids);
    cluster.takeTrace();
  }
}

/** Of those that are marked, without the leader, as many as the others can do without. */
function minority(ids: readonly NodeId[], isMarked: readonly boolean[]): readonly NodeId[] {
  const others = ids.filter((_, position) => position > 0 && isMarked[position] === true);
  return others.slice(0, Math.floor((ids.length - 1) / 2));
}

/** Cut off from everyone while the leader, the first, commits. */
function commitWithout(
  cluster: ScenarioCluster,
  ids: readonly NodeId[],
  absent: readonly NodeId[],
): void {
  for (const id of absent) {
    for (const other of ids.filter((each) => each !== id)) {
      cluster.cut(id, other);
      cluster.cut(other, id);
    }
  }
  cluster.core(nodeId("1")).propose([new Uint8Array(1), new Uint8Array(1)]);
  cluster.stabilize(ids);
  cluster.heal();
}

/** Leader of the newest term. */
function leaderOf(cluster: ScenarioCluster, ids: readonly NodeId[]): { id: NodeId; term: number } {
  const leaders = ids
    .map((id) => cluster.core(id).status())
    .filter(({ role }) => role === "leader")
    .sort((a, b) => b.term - a.term);
  const [newest] = leaders;
  if (newest === undefined) throw new Error("there is no leader");
  return { id: newest.id, term: newest.term };
}

describe("a cluster with links that are down", () => {
  it.each([3, 4, 5])("of %i servers has a leader while one of them reaches a majority", (size) => {
    const links = (size * (size - 1)) / 2;
    const outdated = fc.array(fc.boolean(), { minLength: size, maxLength: size });
    const down = fc.array(fc.boolean(), { minLength: links, maxLength: links });
    fc.assert(
      fc.property(down, outdated, fc.nat(10_000), (isDown, isOutdated, seed) => {
        // given a leader, a minority that lacks entries, and then links that go down
        const { cluster, ids } = newCluster(size, seed);
        cluster.core(nodeId("1")).campaign();
        cluster.stabilize(ids);
        commitWithout(cluster, ids, minority(ids, isOutdated));
        const neighbours = new Map(ids.map((id) => [id, 1]));
        let link = 0;
        ids.forEach((a, position) => {
          for (const b of ids.slice(position + 1)) {
            if (isDown[link] === true) {
              cluster.cut(a, b);
              cluster.cut(b, a);
            } else {
              for (const id of [a, b]) neighbours.set(id, (neighbours.get(id) ?? 0) + 1);
            }
            link += 1;
          }
        });
        const reaches = (id: NodeId) => (neighbours.get(id) ?? 0) * 2 > size;
        fc.pre(ids.some(reaches));
        // when time passes
        passTime(cluster, ids, TICKS_TO_ELECT);
        // then one that reaches a majority leads, commits, and goes on leading
        const leader = leaderOf(cluster, ids);
        expect(reaches(leader.id)).toBe(true);
        const result = cluster.core(leader.id).propose([new Uint8Array(1)]);
        passTime(cluster, ids, TICKS_TO_KEEP);
        expect(leaderOf(cluster, ids)).toEqual(leader);
        const { commit } = cluster.core(leader.id).status();
        expect(result).toMatchObject({ kind: "accepted", index: commit });
      }),
      { numRuns: RUNS, seed: 1 },
    );
  });
});
