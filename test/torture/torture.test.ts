// A short torture with another seed each time; `npm run torture` is the long one, which has a group of
// Redis servers as well: its failovers take longer than this is to last.
import { expect, test } from "vitest";
import { FAULTS } from "./faults.js";
import { isGroupFault } from "./redis-faults.js";
import { torture } from "./torture.js";

const SECONDS = 8;
const faults = FAULTS.filter((fault) => !isGroupFault(fault));

test("what was acknowledged ends once, and one handler at a time has it, whatever is killed and frozen", async () => {
  const seed = Date.now() % 2 ** 32;
  const said: string[] = [];

  const report = await torture({
    seed,
    durationMs: SECONDS * 1_000,
    nodes: 3,
    perSecond: 100,
    faults,
    say: (line) => said.push(line),
  });

  const stories = report.violations.slice(0, 3).map(({ id }) => report.story(id).join("\n"));
  const minutes = SECONDS / 60;
  const again =
    `npm run torture -- --seed ${seed} --minutes ${minutes.toFixed(2)} --rate 100 ` +
    `--faults ${faults.join()}`;
  expect(report.violations, [again, ...said, ...stories].join("\n")).toEqual([]);
  expect(report.acknowledged).toBeGreaterThan(0);
}, 240_000);
