// In which order children of `up` start, and what holds the next ones up.
import { describe, expect, test, vi } from "vitest";
import {
  type GroupProgress,
  type GroupStart,
  type Startable,
  startInGroups,
} from "../../src/cli/start-in-groups.js";

/** A child that does what the test says. */
class DirectedChild implements Startable {
  hasStarted = false;
  run: () => void = () => undefined;
  end: () => void = () => undefined;
  becomeReady: () => void = () => undefined;
  fail: (reason: string) => void = () => undefined;
  readonly #runs = new Promise<boolean>((resolve) => {
    this.run = () => resolve(true);
    this.end = () => resolve(false);
  });

  constructor(readonly name: string) {}

  start(): Promise<void> {
    this.hasStarted = true;
    return new Promise((resolve, reject) => {
      this.becomeReady = resolve;
      this.fail = (reason) => reject(new Error(reason));
    });
  }

  running(): Promise<boolean> {
    return this.#runs;
  }
}

function begin(count: number, options: Partial<GroupStart> = {}) {
  const children = Array.from({ length: count }, (_, at) => new DirectedChild(`n${at + 1}`));
  const progress: GroupProgress[] = [];
  let outcome = "under way";
  const start = startInGroups(children, {
    groupSize: 2,
    firstGroup: 3,
    check: () => undefined,
    onGroup: (each) => void progress.push(each),
    ...options,
  });
  start.then(
    () => (outcome = "ready"),
    (error: unknown) => (outcome = String(error)),
  );
  const names = (): string[] =>
    children.filter(({ hasStarted }) => hasStarted).map(({ name }) => name);
  return { children, progress, names, outcome: () => outcome };
}

describe("children that start in groups", () => {
  test("start together at first, then group by group as the one before runs", async () => {
    const { children, names, progress } = begin(6);
    expect(names()).toEqual(["n1", "n2", "n3"]);

    for (const child of children.slice(0, 3)) child.run();
    await vi.waitFor(() => expect(names()).toEqual(["n1", "n2", "n3", "n4", "n5"]));
    children[3]?.run();
    children[4]?.run();
    await vi.waitFor(() => expect(names()).toHaveLength(6));

    expect(progress).toEqual([
      { group: ["n1", "n2", "n3"], runs: true, started: 3 },
      { group: ["n4", "n5"], runs: true, started: 5 },
    ]);
  });

  test("are done when the last of them is ready, which is after it runs", async () => {
    const { children, outcome, names } = begin(4);
    for (const child of children) child.run();
    await vi.waitFor(() => expect(names()).toHaveLength(4));

    for (const child of children.slice(1)) child.becomeReady();
    await new Promise(setImmediate);
    expect(outcome()).toBe("under way");
    children[0]?.becomeReady();

    await vi.waitFor(() => expect(outcome()).toBe("ready"));
  });

  test("are all given up when one fails, and no more of them start", async () => {
    const { children, outcome, names } = begin(6);

    children[1]?.fail("the port is taken");

    await vi.waitFor(() => expect(outcome()).toBe("Error: the port is taken"));
    for (const child of children) child.run();
    await new Promise(setImmediate);
    expect(names()).toHaveLength(3);
  });

  test("are not said to run where one has ended", async () => {
    const { children, outcome, names, progress } = begin(6);
    children[0]?.run();
    children[1]?.end();
    children[2]?.run();
    await new Promise(setImmediate);
    expect(names()).toHaveLength(3);

    children[1]?.fail("n2 ended before it was ready");

    await vi.waitFor(() => expect(outcome()).toBe("Error: n2 ended before it was ready"));
    expect(progress).toEqual([]);
  });

  test("are not held up for ever by a group that does not run: it may wait for a later one", async () => {
    const { children, outcome, names, progress } = begin(4, { patienceMs: 1 });

    await vi.waitFor(() => expect(names()).toHaveLength(4));
    for (const child of children) child.becomeReady();

    await vi.waitFor(() => expect(outcome()).toBe("ready"));
    expect(progress).toEqual([{ group: ["n1", "n2", "n3"], runs: false, started: 3 }]);
  });

  test("do not start, nor are said to run, once that is forbidden", async () => {
    let stopped = false;
    const { children, outcome, names, progress } = begin(6, {
      check: () => {
        if (stopped) throw new Error("stopped while starting");
      },
    });

    stopped = true;
    for (const child of children) child.run();

    await vi.waitFor(() => expect(outcome()).toBe("Error: stopped while starting"));
    expect(names()).toHaveLength(3);
    expect(progress).toEqual([]);
  });
});
