// How each policy spreads ten thousand tasks over five nodes, as a table: what docs/balancing.md shows.
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/links/random.js";
import { createPolicy } from "../../../src/queue/balancing/create-policy.js";
import type { PolicyName } from "../../../src/queue/balancing/policy.js";
import { simulateSpread, type SimulatedNode } from "../../support/simulated-spread.js";

const TASKS = 10_000;
const SLOTS = 8;
/** Four nodes of 100 ms a task and one of 400 ms run 340 tasks a second. */
const LOADS = { light: 50, half: 6, full: 0 };

function node(id: string, durationMs: number, labels: readonly string[] = []): SimulatedNode {
  return { id, slots: SLOTS, durationMs: () => durationMs, labels };
}

const ONE_SLOW = [1, 2, 3, 4].map((at) => node(`n${at}`, 100)).concat(node("n5", 400));

function policyOf(policy: PolicyName) {
  const weights = new Map([
    ["n1", 4],
    ["n2", 2],
  ]);
  const affinity = new Map([["process", ["ssd"]]]);
  return createPolicy({ policy, weights, affinity }, seededRandom(1));
}

/** One line of a table: the percentage of tasks that each node got. */
function row(
  name: string,
  started: readonly { readonly nodeId: string }[],
  nodes: readonly SimulatedNode[],
): string {
  const cells = nodes.map(({ id }) => {
    const got = started.filter(({ nodeId }) => nodeId === id).length;
    return ((100 * got) / started.length).toFixed(1).padStart(6);
  });
  return name.padEnd(8) + cells.join("");
}

function tableOf(policy: PolicyName, nodes = ONE_SLOW): string[] {
  return Object.entries(LOADS).map(([name, everyMs]) => {
    const spread = simulateSpread(policyOf(policy), nodes, { tasks: TASKS, everyMs });
    for (const most of spread.most.values()) expect(most).toBeLessThanOrEqual(SLOTS);
    return row(name, spread.started, nodes);
  });
}

describe("ten thousand tasks over five nodes, of which n5 takes four times as long", () => {
  test("least-loaded gives the slow one less, and the others the same", () => {
    expect(tableOf("least-loaded")).toEqual([
      "light     23.0  23.0  22.9  23.0   8.2",
      "half      25.2  24.6  23.3  23.8   3.1",
      "full      23.4  23.6  23.6  23.5   5.9",
    ]);
  });

  test("power-of-two-choices gives it less where there is a choice", () => {
    expect(tableOf("power-of-two-choices")).toEqual([
      "light     23.2  22.9  22.6  22.4   8.9",
      "half      24.2  24.4  23.7  24.1   3.5",
      "full      23.5  23.5  23.6  23.5   5.9",
    ]);
  });

  test("weighted leans to the weights 4, 2, 1, 1, 1 until every slot is needed", () => {
    expect(tableOf("weighted")).toEqual([
      "light     37.1  28.8  14.4  14.4   5.2",
      "half      45.3  26.0  13.9  13.3   1.6",
      "full      23.5  23.5  23.6  23.6   5.9",
    ]);
  });

  test("label-aware is as least-loaded where no node has labels", () => {
    expect(tableOf("label-aware")).toEqual(tableOf("least-loaded"));
  });
});

test("label-aware keeps the nodes with labels free for the tasks that need them", () => {
  const nodes = [node("n1", 100), node("n2", 100), node("n3", 100)].concat([
    node("gpu", 100, ["gpu"]),
    node("gpu-eu", 100, ["gpu", "eu"]),
  ]);
  const requires = (nth: number) => (nth % 10 === 0 ? ["gpu"] : []);
  const table = (["least-loaded", "label-aware"] as const).flatMap((name) => {
    const load = { tasks: TASKS, everyMs: LOADS.half, requires };
    const policy = createPolicy(
      { policy: name, weights: new Map(), affinity: new Map() },
      seededRandom(1),
    );
    const { started } = simulateSpread(policy, nodes, load);
    const asking = started.filter((task) => task.requires.length > 0);
    const plain = started.filter((task) => task.requires.length === 0);
    return [name, row("  plain", plain, nodes), row("  gpu", asking, nodes)];
  });
  expect(table).toEqual([
    "least-loaded",
    "  plain   22.6  22.5  21.3  14.9  18.6",
    "  gpu      0.0   0.0   0.0  68.8  31.2",
    "label-aware",
    "  plain   34.3  33.3  32.4   0.0   0.0",
    "  gpu      0.0   0.0   0.0 100.0   0.0",
  ]);
});

test("label-aware sends a type to the nodes that it is drawn to, and on to others when they are full", () => {
  const nodes = [node("n1", 100), node("n2", 100), node("ssd", 100, ["ssd"])];
  const shares = (everyMs: number) => {
    const { started } = simulateSpread(policyOf("label-aware"), nodes, { tasks: TASKS, everyMs });
    return row(`${everyMs} ms`, started, nodes);
  };
  expect([shares(50), shares(6), shares(0)]).toEqual([
    "50 ms      0.0   0.0 100.0",
    "6 ms      27.7  26.1  46.2",
    "0 ms      33.4  33.3  33.4",
  ]);
});

test("a node that has become slow gets less from then on, and its share again once it is quick", () => {
  const slowFromMs = 20_000;
  const slowToMs = 40_000;
  const nodes = ONE_SLOW.slice(0, 4).concat({
    id: "n5",
    slots: SLOTS,
    durationMs: (atMs) => (atMs >= slowFromMs && atMs < slowToMs ? 400 : 100),
  });
  const { started } = simulateSpread(policyOf("least-loaded"), nodes, {
    tasks: TASKS,
    everyMs: LOADS.half,
  });
  const between = (fromMs: number, toMs: number) =>
    row(
      `${fromMs / 1_000}-${toMs / 1_000} s`,
      started.slice(fromMs / LOADS.half, toMs / LOADS.half),
      nodes,
    );
  expect([between(10_000, 20_000), between(25_000, 40_000), between(50_000, 60_000)]).toEqual([
    "10-20 s   20.4  20.4  19.1  20.2  19.9",
    "25-40 s   25.3  24.4  23.5  23.8   3.0",
    "50-60 s   20.3  20.3  19.4  20.1  19.9",
  ]);
});
