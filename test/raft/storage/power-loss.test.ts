// Whatever the power takes of what was not synced, what was acknowledged is there, and the operation
// under way has happened as a whole or not at all.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Entry,
  type HardState,
  logIndex,
  openRaftStorage,
  type RaftStorage,
} from "../../../src/raft/index.js";
import { LossyDisk } from "./lossy-disk.js";
import {
  allEntries,
  chunksOf,
  chunkWrites,
  describeEntry,
  entry,
  hardState,
  IDENTITY,
  MEMBERSHIP,
  newFolder,
  snapshotMeta,
  withStorage,
  write,
} from "./support.js";

interface Model {
  readonly hardState: HardState;
  /** By index; what a received snapshot stands for is a gap in front. */
  readonly entries: readonly Entry[];
  readonly snapshotIndex: number;
  readonly lastIndex: number;
}

type Operation =
  | { readonly kind: "append"; readonly back: number; readonly sizes: readonly number[] }
  | { readonly kind: "vote" | "save" | "receive" };

const CONTENT = new Uint8Array(700).map((_, at) => at % 253);
const SETTINGS = { segmentBytes: 500, cacheBytes: 400 };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      back: fc.oneof(fc.constant(0), fc.nat({ max: 8 })),
      sizes: fc.array(fc.nat({ max: 150 }), { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "vote" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "save" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "receive" as const }) },
);

/** What the operation makes of the model, and how the storage is told. */
function plan(model: Model, step: Operation, turn: number) {
  switch (step.kind) {
    case "append": {
      const from = Math.max(model.snapshotIndex, model.lastIndex - step.back) + 1;
      const added = step.sizes.map((size, at) => entry(from + at, turn, "x".repeat(size)));
      const entries = [...model.entries.filter(({ index }) => index < from), ...added];
      const state = hardState(turn, "b");
      const next = { ...model, hardState: state, entries, lastIndex: from + added.length - 1 };
      const run = (storage: RaftStorage) =>
        storage.write([write({ hardState: state, entries: added })]);
      return { next, run };
    }
    case "vote": {
      const next = { ...model, hardState: hardState(turn, "c") };
      const run = (storage: RaftStorage) => storage.write([write({ hardState: next.hardState })]);
      return { next, run };
    }
    case "save": {
      const last = model.entries.at(-1);
      if (last === undefined) return { next: model, run: () => Promise.resolve() };
      const run = async (storage: RaftStorage) => {
        await storage.saveSnapshot(snapshotMeta(last.index, last.term, CONTENT), chunksOf(CONTENT));
        await storage.compact(last.index, 2);
      };
      return { next: { ...model, snapshotIndex: last.index }, run };
    }
    case "receive": {
      const index = model.lastIndex + 3;
      const next = { ...model, entries: [], snapshotIndex: index, lastIndex: index };
      const run = (storage: RaftStorage) =>
        storage.write(chunkWrites(snapshotMeta(index, turn, CONTENT), CONTENT, 300));
      return { next, run };
    }
  }
}

function matches(storage: RaftStorage, model: Model): boolean {
  const held = model.entries.filter(({ index }) => index >= storage.firstIndex());
  const found = allEntries(storage).map(describeEntry);
  return (
    storage.lastIndex() === model.lastIndex &&
    JSON.stringify(storage.hardState) === JSON.stringify(model.hardState) &&
    JSON.stringify(found) === JSON.stringify(held.map(describeEntry)) &&
    storage.snapshot()?.index === (model.snapshotIndex || undefined)
  );
}

test("after a loss of power at any moment the folder opens with what was acknowledged", async () => {
  const property = fc.asyncProperty(
    fc.array(operation, { minLength: 1, maxLength: 25 }),
    fc.nat({ max: 120 }),
    fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
    async (operations, steps, chances) => {
      const random = () => Number(chances.next().value);
      const dir = await newFolder();
      const files = new LossyDisk();
      const storage = await openRaftStorage({ dir, files, ...SETTINGS });
      await storage.initialise(IDENTITY, MEMBERSHIP);
      let acknowledged: Model = {
        hardState: hardState(0),
        entries: [],
        snapshotIndex: 0,
        lastIndex: 0,
      };
      let underWay = acknowledged;
      files.stepsLeft = steps;
      try {
        for (const [turn, step] of operations.entries()) {
          const { next, run } = plan(acknowledged, step, turn + 1);
          underWay = next;
          await run(storage);
          acknowledged = next;
        }
      } catch (error) {
        expect(error).toMatchObject({ name: "StorageFailure", cause: { name: "PowerLoss" } });
      }
      const found = await files.afterPowerLoss(dir, random);
      files.stepsLeft = Infinity;
      await storage.close();

      await withStorage(
        found,
        async (reopened) => {
          expect([acknowledged, underWay].some((model) => matches(reopened, model))).toBe(true);
          const next = logIndex(reopened.lastIndex() + 1);
          await reopened.write([write({ entries: [entry(next, 99)] })]);
        },
        SETTINGS,
      );
      await withStorage(found, (again) => expect(again.term(again.lastIndex())).toBe(99), SETTINGS);
    },
  );
  await fc.assert(property, { numRuns: Number(process.env["POWER_LOSS_RUNS"] ?? 40) });
});

test("what was acknowledged outlasts the loss of all that was not synced", async () => {
  const dir = await newFolder();
  const files = new LossyDisk();
  const storage = await openRaftStorage({ dir, files, ...SETTINGS });
  const everythingIsLost = () => 0.9;
  const expectHeld = async (model: Model) => {
    const found = await files.afterPowerLoss(dir, everythingIsLost);
    await withStorage(found, (reopened) => expect(matches(reopened, model)).toBe(true), SETTINGS);
  };
  await storage.initialise(IDENTITY, MEMBERSHIP);
  let model: Model = { hardState: hardState(0), entries: [], snapshotIndex: 0, lastIndex: 0 };
  await expectHeld(model);
  const append = { kind: "append", back: 0, sizes: [150, 150, 150] } as const;
  const replace = { ...append, back: 2 };
  const [vote, save, receive] = (["vote", "save", "receive"] as const).map((kind) => ({ kind }));
  const short = { ...append, sizes: [1] };
  // The first is taken of a log of one file, of which nothing is dropped.
  const steps = [
    short,
    save,
    append,
    vote,
    append,
    save,
    append,
    replace,
    save,
    receive,
    append,
    save,
  ];
  for (const step of steps) {
    if (step === undefined) continue;
    const { next, run } = plan(model, step, model.hardState.term + 1);
    await run(storage);
    model = next;
    await expectHeld(model);
  }
  await storage.close();
});
