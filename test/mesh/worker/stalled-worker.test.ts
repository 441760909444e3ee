// The node's worker when its event loop has stood still: what it held before counts no more.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { STALLED } from "../../../src/queue/task/attempt-ending.js";
import { turns } from "../../support/queue-fixtures.js";
import { assign, LEASE_MS, submit, workerBench } from "../../support/worker-bench.js";

describe("a node's worker whose event loop stood still", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("gives everything up, whatever was granted before", async () => {
    const { agent, apply, contexts, started, channel, grant } = workerBench();
    agent.attached(channel);
    grant();
    apply(submit("a", "b"), assign("a"));
    await turns();

    agent.stalled();
    grant(channel);
    apply(assign("b"));
    await turns();

    expect(contexts.get("a")?.signal.aborted).toBe(true);
    expect(channel.told).toEqual([`a handedBack ${STALLED}`]);
    expect(started).toEqual(["a"]);
  });

  test("tells what ended meanwhile only once it holds a lease again", async () => {
    const { agent, apply, finish, channel, grant, pass, stall } = workerBench();
    agent.attached(channel);
    grant();
    apply(submit("a"), assign("a"));
    await turns();

    stall.now = true;
    finish.get("a")?.(1);
    await turns();
    expect(channel.told).toEqual([]);
    await pass(LEASE_MS / 4);
    grant();
    await turns();

    expect(channel.told).toEqual(["a result"]);
  });

  test("starts no second handler when the first one has held up the loop past the lease", async () => {
    const { clock, agent, apply, started, channel, grant, blockMs } = workerBench();
    blockMs.set("a", LEASE_MS);
    agent.attached(channel);
    grant();

    apply(submit("a", "b"), assign("a"), assign("b"));
    await turns();

    expect(started).toEqual(["a"]);
    expect(clock.ms).toBe(10_000 + LEASE_MS);
    expect(new Set(channel.told)).toEqual(
      new Set(["a handedBack the lease was lost", "b handedBack the lease was lost"]),
    );
  });
});

describe("a node's worker whose lease the leader takes back", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("has stopped its handlers when it confirms, and says how the others ended", async () => {
    const { agent, apply, contexts, finish, channel, grant } = workerBench();
    agent.attached(channel);
    grant();
    apply(submit("a", "b"), assign("a"), assign("b"));
    await turns();
    agent.detached(channel);
    finish.get("b")?.(1);
    await turns();

    const reports = agent.revoked(1);

    expect(contexts.get("a")?.signal.aborted).toBe(true);
    expect(reports.map(({ taskId, outcome }) => `${taskId} ${outcome?.$case ?? ""}`)).toEqual([
      "b result",
      "a handedBack",
    ]);
  });

  test("never starts what it had been assigned before, whatever lease it gets", async () => {
    const { agent, apply, started, channel, grant, pass } = workerBench();
    agent.attached(channel);
    grant();

    agent.revoked(2);
    grant();
    apply(submit("a", "b", "c"), assign("a"));
    apply(assign("b"));
    apply(assign("c"));
    await pass(LEASE_MS / 4);
    grant(channel, 1);
    await turns();

    expect(started).toEqual(["c"]);
  });
});
