// The node's worker: it runs what the log gives it while it holds the lease, and what it reports is
// sent until the log shows it.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CommandBatch } from "../../src/gen/mesh/v1/command.js";
import type { TaskDefinition } from "../../src/gen/mesh/v1/task.js";
import type { TaskReport } from "../../src/gen/mesh/v1/worker_service.js";
import { QueueMachine } from "../../src/mesh/queue-machine.js";
import { type LeaderChannel, WorkerAgent } from "../../src/mesh/worker-agent.js";
import { RESTARTED } from "../../src/queue/report.js";
import { logIndex, term } from "../../src/raft/index.js";
import { WorkerDirectory } from "../../src/queue/worker-directory.js";
import type { TaskAssignment } from "../../src/worker/attempt.js";
import { Executor } from "../../src/worker/executor.js";
import type { HandlerContext } from "../../src/worker/handler.js";
import { createHandlerRegistry } from "../../src/worker/handler-registry.js";
import { runningTask, taskDefinition, turns, workerHello } from "../support/queue-fixtures.js";
import { silentLog } from "../worker/support.js";

const LEASE_MS = 1_000;
type Kind = NonNullable<CommandBatch["commands"][number]["kind"]>;

class FakeChannel implements LeaderChannel {
  readonly keepalives: number[] = [];
  readonly sent: TaskReport[] = [];
  keepalive(sequence: number): void {
    this.keepalives.push(sequence);
  }
  progress = (): void => undefined;

  reports(reports: readonly TaskReport[]): void {
    this.sent.push(...reports);
  }
  get told(): string[] {
    return this.sent.map(({ taskId, outcome }) => {
      const text = outcome?.$case === "handedBack" ? ` ${outcome.value}` : "";
      return `${taskId} ${outcome?.$case ?? "nothing"}${text}`;
    });
  }
}

function bench(options: { readonly bornAtIndex?: number } = {}) {
  const machine = new QueueMachine();
  const clock = { ms: 10_000 };
  const started: TaskAssignment["taskId"][] = [];
  const contexts = new Map<string, HandlerContext>();
  const finish = new Map<string, (value: unknown) => void>();
  const redis = { definitions: new Map<string, TaskDefinition>(), down: false, reads: 0 };
  const agent = new WorkerAgent({
    nodeId: "n1",
    leaseMs: LEASE_MS,
    table: machine.table,
    definitions: machine.definitions,
    bornAtIndex: options.bornAtIndex ?? 0,
    executor: (report) =>
      new Executor({
        slots: 2,
        handlers: createHandlerRegistry(
          new Map([
            [
              "process",
              (task, context) => {
                started.push(task.id);
                contexts.set(task.id, context);
                return new Promise((resolve) => finish.set(task.id, resolve));
              },
            ],
          ]),
        ),
        report,
        logFor: () => silentLog,
      }),
    fetchDefinitions: async (ids) => {
      redis.reads += 1;
      await turns(1);
      if (redis.down) throw new Error("down");
      return new Map([...redis.definitions].filter(([id]) => ids.includes(id)));
    },
    monotonicMs: () => clock.ms,
    logger: { debug: () => undefined, warn: () => undefined } as never,
  });
  machine.onApplied((entry) => agent.entryApplied(entry));
  let index = 0;
  const apply = (...kinds: Kind[]): number => {
    index += 1;
    const batch = { atMs: 1, commands: kinds.map((kind) => ({ kind })) };
    const data = CommandBatch.encode(batch).finish();
    machine.apply([{ index: logIndex(index), term: term(1), kind: "command", data }]);
    return index;
  };
  const channel = new FakeChannel();
  const grant = (to = channel, leaderIndex = 0): void => {
    const sequence = to.keepalives.at(-1) ?? 0;
    agent.leaseGranted({ sequence, leaseMs: LEASE_MS, term: 1, index: leaderIndex });
  };
  const pass = async (ms: number): Promise<void> => {
    clock.ms += ms;
    await vi.advanceTimersByTimeAsync(ms);
    await turns(3);
  };
  agent.start();
  return { agent, machine, clock, started, contexts, finish, redis, apply, channel, grant, pass };
}

const submit = (...ids: string[]): Kind => ({
  $case: "submit",
  value: { tasks: ids.map((id) => taskDefinition(id)) },
});
const assign = (id: string, nodeId = "n1"): Kind => ({
  $case: "assign",
  value: { nodeId, assignments: [runningTask(id, 0).assignment] },
});
const cancel = (id: string): Kind => ({ $case: "cancel", value: { taskIds: [id] } });
const completed = (taskId: string, fence: number): Kind => ({
  $case: "finish",
  value: {
    outcomes: [
      {
        taskId,
        fence,
        startedAtMs: 1,
        finishedAtMs: 2,
        outcome: { $case: "completed", value: "1" },
      },
    ],
  },
});

describe("a node's worker", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("starts what it was assigned only once it holds a lease", async () => {
    const { agent, apply, started, channel, grant } = bench();
    apply(submit("a"), assign("a"));
    await turns();
    expect(started).toEqual([]);

    agent.attached(channel);
    grant();
    await turns();

    expect(started).toEqual(["a"]);
  });

  test("does not run what belongs to another node", async () => {
    const { agent, apply, started, channel, grant } = bench();
    agent.attached(channel);
    grant();

    apply(submit("a"), assign("a", "n2"));
    await turns();

    expect(started).toEqual([]);
  });

  test("never starts a task that was taken away before the lease came", async () => {
    const { agent, apply, started, channel, grant } = bench();
    apply(submit("a"), assign("a"));
    apply(cancel("a"));

    agent.attached(channel);
    grant();
    await turns();

    expect(started).toEqual([]);
  });

  test("stops its handlers and hands the tasks back when the lease runs out", async () => {
    const { agent, apply, contexts, channel, grant, pass } = bench();
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
    const { agent, clock, apply, contexts, channel, pass } = bench();
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
    const { agent, apply, started, channel, grant, pass } = bench();
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
    const { agent, apply, started, channel, grant, pass } = bench();
    agent.attached(channel);
    grant();
    await pass(LEASE_MS / 2);

    grant(channel, 1);
    apply(submit("a"), assign("a"));
    await turns();

    expect(started).toEqual(["a"]);
  });

  test("disclaims what ran in it before it was started again", async () => {
    const { agent, apply, started, channel, grant } = bench({ bornAtIndex: 2 });
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
    const { agent, apply, channel } = bench({ bornAtIndex: 2 });
    agent.attached(channel);
    apply(submit("a"), assign("a"));
    apply(completed("a", 1));
    await turns();

    expect(channel.told).toEqual([]);
  });

  test("fetches a definition that the recent log lacks, again and again while Redis is down", async () => {
    const { agent, apply, started, channel, grant, redis, pass } = bench();
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
    const { agent, apply, finish, channel, grant } = bench();
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
    const { agent, apply, contexts, channel, grant } = bench();
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
    const { agent, apply, channel, pass } = bench();
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
    const { agent, machine, apply, started, contexts, redis, channel, grant } = bench();
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
