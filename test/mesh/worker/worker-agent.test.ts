// The node's worker: it runs what the log gives it while it holds the lease, and what it reports is
// sent until the log shows it.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RESTARTED } from "../../../src/queue/task/attempt-ending.js";
import { WorkerDirectory } from "../../../src/queue/leader/worker-directory.js";
import { runningTask, taskDefinition, turns, workerHello } from "../../support/queue-fixtures.js";
import {
  assign,
  cancel,
  completed,
  FakeChannel,
  LEASE_MS,
  submit,
  workerBench,
} from "../../support/worker-bench.js";

describe("a node's worker", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("starts what it was assigned only once it holds a lease", async () => {
    const { agent, apply, started, channel, grant } = workerBench();
    apply(submit("a"), assign("a"));
    await turns();
    expect(started).toEqual([]);

    agent.attached(channel);
    grant();
    await turns();

    expect(started).toEqual(["a"]);
  });

  test("does not run what belongs to another node", async () => {
    const { agent, apply, started, channel, grant } = workerBench();
    agent.attached(channel);
    grant();

    apply(submit("a"), assign("a", "n2"));
    await turns();

    expect(started).toEqual([]);
  });

  test("never starts a task that was taken away before the lease came", async () => {
    const { agent, apply, started, channel, grant } = workerBench();
    apply(submit("a"), assign("a"));
    apply(cancel("a"));

    agent.attached(channel);
    grant();
    await turns();

    expect(started).toEqual([]);
  });

  test("stops its handlers and hands the tasks back when the lease runs out", async () => {
    const { agent, apply, contexts, channel, grant, pass } = workerBench();
    agent.attached(channel);
    grant();
    apply(submit("a"), assign("a"));
    await turns();

    await pass(LEASE_MS);

    expect(contexts.get("a")?.signal.aborted).toBe(true);
    expect(channel.told).toEqual(["a handedBack the lease was lost"]);
  });

  test("gives up before the leader gives its tasks away, however late the grant arrived", async () => {
    // given a leader that answered the keepalive 300 ms after it was sent
    const { agent, clock, apply, contexts, channel, pass } = workerBench();
    const leader = new WorkerDirectory(LEASE_MS, clock.ms - 10_000, 500);
    agent.attached(channel);
    const sequence = channel.keepalives.at(-1) ?? 0;
    apply(submit("a"), assign("a"));
    await pass(200);
    leader.attach(workerHello("n1"), 0, clock.ms);
    leader.granted("n1", clock.ms);
    await pass(100);
    agent.leaseGranted({ sequence, leaseMs: LEASE_MS, term: 1, index: 0 });
    await turns();

    // when nothing is heard any more
    const gaveUp: number[] = [];
    const givenAway: number[] = [];
    for (let waited = 0; waited < 3 * LEASE_MS; waited += 10) {
      await pass(10);
      if (contexts.get("a")?.signal.aborted === true) gaveUp.push(clock.ms);
      if (leader.isLost("n1", clock.ms)) givenAway.push(clock.ms);
    }

    expect(gaveUp[0]).toBeLessThan(givenAway[0] ?? 0);
  });

  test("starts nothing that was assigned before a new lease when the old one had run out", async () => {
    // given a node that was frozen: it learns late what it was assigned, and that others have it now
    const { agent, apply, started, channel, grant, pass } = workerBench();
    agent.attached(channel);
    grant();
    await pass(LEASE_MS);
    apply(submit("a", "b", "c"), assign("a"));

    grant(channel, 2);
    apply(assign("b"));
    apply(assign("c"));
    await turns();

    expect(started).toEqual(["c"]);
    expect(channel.told).toEqual([
      "a handedBack the lease had run out",
      "b handedBack the lease had run out",
    ]);
  });

  test("starts what was assigned before a lease that only goes on", async () => {
    const { agent, apply, started, channel, grant, pass } = workerBench();
    agent.attached(channel);
    grant();
    await pass(LEASE_MS / 2);

    grant(channel, 1);
    apply(submit("a"), assign("a"));
    await turns();

    expect(started).toEqual(["a"]);
  });

  test("disclaims what ran in it before it was started again", async () => {
    const { agent, apply, started, channel, grant } = workerBench({ bornAtIndex: 2 });
    apply(submit("a", "b"), assign("a"));
    apply(assign("b"));
    agent.attached(channel);
    grant();
    apply(submit("c"), assign("c"));
    await turns();

    expect(started).toEqual(["c"]);
    expect(new Set(channel.told)).toEqual(
      new Set([`a handedBack ${RESTARTED}`, `b handedBack ${RESTARTED}`]),
    );
  });

  test("does not report what the replayed log has ended itself", async () => {
    const { agent, apply, channel } = workerBench({ bornAtIndex: 2 });
    agent.attached(channel);
    apply(submit("a"), assign("a"));
    apply(completed("a", 1));
    await turns();

    expect(channel.told).toEqual([]);
  });

  test("fetches a definition that the recent log lacks, again and again while Redis is down", async () => {
    const { agent, apply, started, channel, grant, redis, pass } = workerBench();
    redis.down = true;
    agent.attached(channel);
    grant();
    apply(assign("old"));
    await turns();
    await pass(250);
    grant();
    expect(started).toEqual([]);

    redis.down = false;
    redis.definitions.set("old", taskDefinition("old"));
    await pass(250);
    await pass(250);

    expect(started).toEqual(["old"]);
    expect(redis.reads).toBeGreaterThanOrEqual(2);
  });

  test("sends its report to each new leader until the log shows the end", async () => {
    const { agent, apply, finish, channel, grant } = workerBench();
    agent.attached(channel);
    grant();
    const fence = apply(submit("a"), assign("a"));
    await turns();

    // given the first leader goes away as the task ends
    agent.detached(channel);
    finish.get("a")?.(1);
    await turns();
    expect(channel.told).toEqual([]);
    const second = new FakeChannel();
    const third = new FakeChannel();
    agent.attached(second);
    agent.attached(third);
    agent.detached(second);

    // when the log shows the end
    apply(completed("a", fence));
    const fourth = new FakeChannel();
    agent.attached(fourth);
    await turns();

    expect(second.told).toEqual(["a result"]);
    expect(third.told).toEqual(["a result"]);
    expect(fourth.told).toEqual([]);
  });

  test("tells a cancelled handler to stop, and reports nothing for it", async () => {
    const { agent, apply, contexts, channel, grant } = workerBench();
    agent.attached(channel);
    grant();
    apply(submit("a"), assign("a"));
    await turns();

    apply(cancel("a"));
    await turns();

    expect(contexts.get("a")?.signal.aborted).toBe(true);
    expect(channel.told).toEqual([]);
  });

  test("hands back what has not started when it stops, and leaves no timer behind", async () => {
    const { agent, apply, channel, pass } = workerBench();
    agent.attached(channel);
    const fence = apply(submit("a"), assign("a"));
    await turns();

    const stopped = agent.stop(100);
    await turns();
    expect(channel.told).toEqual(["a handedBack the node is stopping"]);
    apply(completed("a", fence));
    await stopped;
    await pass(0);

    expect(vi.getTimerCount()).toBe(0);
  });

  test("follows a snapshot that takes the place of the table: what went is stopped, what came is run", async () => {
    const { agent, machine, apply, started, contexts, redis, channel, grant } = workerBench();
    agent.attached(channel);
    grant();
    apply(submit("gone", "kept"));
    const fence = apply(assign("gone"), assign("kept"));
    await turns();
    expect(started).toEqual(["gone", "kept"]);
    for (const id of ["new", "older"]) redis.definitions.set(id, taskDefinition(id));
    const { assignment } = runningTask("new", 0);
    const ours = { nodeId: "n1", assignedAtMs: 1 };

    machine.table.restore([
      { ...ours, fence, assignment: { ...assignment, taskId: "kept" } },
      { ...ours, fence: 3, assignment: { ...assignment, taskId: "older" } },
      { ...ours, fence: 9, assignment },
      { ...ours, nodeId: "n2", fence: 9, assignment: { ...assignment, taskId: "gone" } },
    ]);
    agent.restored(3);
    await turns(5);

    expect(contexts.get("gone")?.signal.aborted).toBe(true);
    expect(contexts.get("kept")?.signal.aborted).toBe(false);
    expect(started).toEqual(["gone", "kept", "new"]);
    expect(channel.told).toEqual([`older handedBack ${RESTARTED}`]);
  });
});
