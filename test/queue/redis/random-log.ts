// Random logs over few tasks, so that commands meet tasks of every state, with fast-check.
import fc from "fast-check";
import type { Finish } from "../../../src/gen/mesh/v1/command.js";
import { AttemptOutcome, OnDependencyFailure, TaskStatus } from "../../../src/gen/mesh/v1/task.js";
import type { CommittedEntry } from "../../../src/queue/state/committed-entry.js";
import {
  assign,
  AT_MS,
  cancel,
  completed,
  dead,
  definition,
  drop,
  entry,
  expire,
  failed,
  finish,
  operate,
  overdue,
  type Kind,
  promote,
  release,
  retry,
  settle,
  submit,
} from "./applied-log.js";

const TASK_IDS = Array.from({ length: 12 }, (_, i) => `t${i}`);
const id = fc.constantFrom(...TASK_IDS);
const ids = fc.uniqueArray(id, { minLength: 1, maxLength: 4 });
/** Time passes by up to this much from entry to entry; some steps are as long as a key's window. */
const stepMs = fc.oneof(
  { weight: 20, arbitrary: fc.nat(20) },
  { weight: 1, arbitrary: fc.constant(13 * 3_600_000) },
);
const soonMs = fc.nat(60);

const task = fc.record({
  id,
  queue: fc.constantFrom("default", "mail"),
  priority: fc.nat(2),
  delayMs: fc.oneof(fc.constant(0), soonMs),
  idempotencyKey: fc.constantFrom("", "", "", "k1", "k2", "k3"),
  deadlineMs: fc.constantFrom(0, 0, 0, 20, 200),
  uniqueKey: fc.constantFrom("", "", "", "u1", "u2"),
  after: fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    fc.uniqueArray(id, { maxLength: 3 }),
  ),
  onDependencyFailure: fc.constantFrom(OnDependencyFailure.CANCEL, OnDependencyFailure.RUN),
  data: fc.constantFrom('"small"', JSON.stringify("large".repeat(200))),
});

/**
 * A command in the making: it becomes one at an index and a time. Its fence is the one that the
 * task most likely has, of late assignments, or another.
 */
type Recipe = (
  atMs: number,
  fenceOf: (id: string) => number,
  note: (ids: readonly string[]) => void,
) => Kind;

const fenceError = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1));

const submitRecipe = fc.array(task, { minLength: 1, maxLength: 5 }).map(
  (tasks): Recipe =>
    (atMs) =>
      submit(
        ...tasks.map(({ delayMs, ...rest }) =>
          definition(rest.id, {
            ...rest,
            after: rest.after.filter((other) => other !== rest.id),
            createdAtMs: atMs,
            runAtMs: atMs + delayMs,
          }),
        ),
      ),
);
const assignRecipe = fc
  .record({
    chosen: ids,
    attempt: fc.integer({ min: 1, max: 4 }),
    nodeId: fc.constantFrom("n1", "n2"),
  })
  .map(({ chosen, ...rest }): Recipe => (_atMs, _fenceOf, note) => {
    note(chosen);
    return assign(chosen, rest);
  });
const finishRecipe = fc
  .array(fc.record({ id, fenceError, end: fc.nat(3), soonMs }), { minLength: 1, maxLength: 4 })
  .map((items): Recipe => (atMs, fenceOf) => {
    const outcomes = items.map((item): Finish => {
      const fence = Math.max(0, fenceOf(item.id) + item.fenceError);
      if (item.end === 0) return dead(item.id, fence);
      if (item.end === 1)
        return completed(item.id, fence, JSON.stringify("r".repeat(item.soonMs * 30)));
      return failed(item.id, fence, atMs + item.soonMs, item.end === 2);
    });
    return finish(...outcomes);
  });
const releaseRecipe = fc
  .record({
    id,
    fenceError,
    reason: fc.constantFrom(AttemptOutcome.LOST, AttemptOutcome.LAPSED, AttemptOutcome.HANDED_BACK),
    waits: fc.boolean(),
    soonMs,
  })
  .map(
    (item): Recipe =>
      (atMs, fenceOf) =>
        release(item.id, Math.max(0, fenceOf(item.id) + item.fenceError), {
          reason: item.reason,
          runAtMs: item.waits ? atMs + item.soonMs : 0,
        }),
  );

const ruleRecipe = fc.record({
  status: fc.constantFrom(TaskStatus.COMPLETED, TaskStatus.DEAD, TaskStatus.CANCELLED),
  ageMs: fc.constantFrom(0, 30, 10_000_000),
  maxCount: fc.nat(4),
});
const expireRecipe = fc
  .record({ rules: fc.array(ruleRecipe, { minLength: 1, maxLength: 3 }), limit: fc.nat(4) })
  .map(({ rules, limit }): Recipe => (atMs) => {
    const made = rules.map(({ ageMs, ...rule }) => ({ ...rule, endedBeforeMs: atMs - ageMs }));
    return expire(limit, ...made);
  });

/** Few operations, so that they come again, in time and late. */
const operateRecipe = fc
  .record({
    operationId: fc.constantFrom("o1", "o2", "o3"),
    lifetimeMs: fc.constantFrom(0, 5, 60, 50_000_000),
    chosen: fc.oneof(
      id.map((one) => [one]),
      ids,
    ),
    what: fc.nat(3),
  })
  .map(({ operationId, lifetimeMs, chosen, what }): Recipe => (atMs) => {
    const onlyDead: Kind = { $case: "retry", value: { taskIds: chosen, onlyDead: true } };
    const kinds = [cancel(...chosen), retry(...chosen), onlyDead, drop(...chosen)];
    return operate(operationId, atMs + lifetimeMs, kinds[what] ?? cancel(...chosen));
  });

const recipe = fc.oneof(
  { weight: 4, arbitrary: operateRecipe },
  { weight: 1, arbitrary: expireRecipe },
  {
    weight: 2,
    arbitrary: ids.map(
      (chosen): Recipe =>
        () =>
          overdue(...chosen),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 5 }).map(
      (limit): Recipe =>
        () =>
          settle(limit),
    ),
  },
  {
    weight: 1,
    arbitrary: ids.map(
      (chosen): Recipe =>
        () =>
          drop(...chosen),
    ),
  },
  { weight: 4, arbitrary: submitRecipe },
  { weight: 5, arbitrary: assignRecipe },
  { weight: 4, arbitrary: finishRecipe },
  { weight: 2, arbitrary: releaseRecipe },
  {
    weight: 1,
    arbitrary: ids.map(
      (chosen): Recipe =>
        () =>
          cancel(...chosen),
    ),
  },
  {
    weight: 2,
    arbitrary: ids.map(
      (chosen): Recipe =>
        () =>
          retry(...chosen),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 5 }).map(
      (limit): Recipe =>
        () =>
          promote(limit),
    ),
  },
);

/** Whole logs from index 1 on; some entries have no commands. */
export const randomLog: fc.Arbitrary<readonly CommittedEntry[]> = fc
  .array(fc.record({ stepMs, recipes: fc.array(recipe, { maxLength: 3 }) }), {
    minLength: 5,
    maxLength: 60,
  })
  .map((steps) => {
    const fences = new Map<string, number>();
    let atMs = AT_MS;
    return steps.map((step, i) => {
      const index = i + 1;
      atMs += step.stepMs;
      const kinds = step.recipes.map((make) =>
        make(
          atMs,
          (taskId) => fences.get(taskId) ?? 1,
          (chosen) => chosen.forEach((taskId) => fences.set(taskId, index)),
        ),
      );
      return kinds.length === 0 ? { index, term: 1, batch: undefined } : entry(index, kinds, atMs);
    });
  });

/** A log cut into pieces at random places. */
export function cuts(
  log: readonly CommittedEntry[],
  places: readonly number[],
): CommittedEntry[][] {
  const pieces: CommittedEntry[][] = [];
  let start = 0;
  for (let i = 0; start < log.length; i++) {
    const length = places[i % Math.max(1, places.length)] ?? 1;
    pieces.push(log.slice(start, start + length));
    start += length;
  }
  return pieces;
}
