// The leader's sessions with the workers: only the newest of a node counts, and only a leader grants.
import { describe, expect, test } from "vitest";
import type { WorkerSession } from "../../../src/api/worker-attach-service.js";
import { LeaderSessions } from "../../../src/mesh/leader/leader-sessions.js";
import type { QueueLeader } from "../../../src/queue/leader/leader.js";
import { taskReport, turns, workerHello } from "../../support/queue-fixtures.js";

function fakeLeader() {
  const calls: string[] = [];
  const leader = {
    attach: ({ nodeId }: { nodeId: string }) => calls.push(`attach ${nodeId}`),
    detach: (nodeId: string) => calls.push(`detach ${nodeId}`),
    granted: (nodeId: string) => calls.push(`granted ${nodeId}`),
    attempts: { report: (nodeId: string) => calls.push(`report ${nodeId}`) },
  } as unknown as QueueLeader;
  return { leader, calls };
}

function session(nodeId: string) {
  const leases: number[] = [];
  const closed: string[] = [];
  const one: WorkerSession = {
    nodeId,
    hello: workerHello(nodeId),
    sendLease: (sequence) => leases.push(sequence),
    close: (reason) => closed.push(reason),
  };
  return { one, leases, closed };
}

function sessions(confirmLeadership: () => Promise<unknown> = () => Promise.resolve()) {
  return new LeaderSessions({
    leaseMs: 1_000,
    term: () => 3,
    lastIndex: () => 7,
    confirmLeadership,
  });
}

describe("a leader's sessions", () => {
  test("grant a lease only while somebody leads", () => {
    const all = sessions();
    const { one, leases } = session("n1");
    all.attached(one);
    all.keepalive(one, 1);
    const { leader, calls } = fakeLeader();
    all.serve(leader);
    all.keepalive(one, 2);
    all.serve(undefined);
    all.keepalive(one, 3);

    expect(leases).toEqual([2]);
    expect(calls).toEqual(["attach n1", "granted n1"]);
  });

  test("count the newest of a node: an older one is closed, grants nothing and detaches nobody", () => {
    const all = sessions();
    const { leader, calls } = fakeLeader();
    all.serve(leader);
    const old = session("n1");
    const fresh = session("n1");
    all.attached(old.one);
    all.attached(fresh.one);

    all.keepalive(old.one, 1);
    all.hello(old.one, old.one.hello);
    all.detached(old.one);
    all.keepalive(fresh.one, 2);

    expect(old.closed).toHaveLength(1);
    expect(old.leases).toEqual([]);
    expect(fresh.leases).toEqual([2]);
    expect(calls).toEqual(["attach n1", "attach n1", "granted n1"]);
  });

  test("take a report of an older session all the same: the fence tells whether it counts", () => {
    const all = sessions();
    const { leader, calls } = fakeLeader();
    all.serve(leader);
    const old = session("n1");
    all.attached(old.one);
    all.attached(session("n1").one);

    all.reports(old.one, [taskReport("a", 1)]);

    expect(calls.at(-1)).toBe("report n1");
  });
});

describe("the sessions of a leader that stood still", () => {
  /** A quorum whose answers come when the test says so. */
  function quorum() {
    const asked: { readonly yes: () => void; readonly no: () => void }[] = [];
    const confirm = (): Promise<void> =>
      new Promise((resolve, reject) => asked.push({ yes: resolve, no: () => reject(new Error()) }));
    return { asked, confirm };
  }

  test("grant nothing until a quorum has said that it leads, and then what was asked for last", async () => {
    const { asked, confirm } = quorum();
    const all = sessions(confirm);
    all.serve(fakeLeader().leader);
    const { one, leases } = session("n1");
    all.attached(one);

    all.doubt();
    all.keepalive(one, 1);
    all.keepalive(one, 2);
    expect([leases, all.isDoubted]).toEqual([[], true]);
    asked[0]?.yes();
    await turns();

    expect([leases, all.isDoubted, asked.length]).toEqual([[2], false, 1]);
  });

  test("ask again with the next keepalive where no quorum answered", async () => {
    const { asked, confirm } = quorum();
    const all = sessions(confirm);
    all.serve(fakeLeader().leader);
    const { one, leases } = session("n1");
    all.attached(one);

    all.doubt();
    asked[0]?.no();
    await turns();
    all.keepalive(one, 1);
    expect([leases, all.isDoubted]).toEqual([[], true]);
    asked[1]?.yes();
    await turns();

    expect(leases).toEqual([1]);
  });

  test("do not take an answer for one that was asked for before they stood still again", async () => {
    const { asked, confirm } = quorum();
    const all = sessions(confirm);
    all.serve(fakeLeader().leader);
    const { one, leases } = session("n1");
    all.attached(one);
    all.doubt();
    all.doubt();
    all.keepalive(one, 1);

    asked[0]?.yes();
    await turns();
    expect(leases).toEqual([]);
    asked[1]?.yes();
    await turns();

    expect(leases).toEqual([1]);
  });

  test("are not doubted any more in a new term", () => {
    const all = sessions(() => new Promise(() => undefined));
    all.serve(fakeLeader().leader);
    const { one, leases } = session("n1");
    all.attached(one);
    all.doubt();

    all.serve(undefined);
    all.serve(fakeLeader().leader);
    all.keepalive(one, 1);

    expect(leases).toEqual([1]);
  });
});
