// The leader's sessions with the workers: only the newest of a node counts, and only a leader grants.
import { describe, expect, test } from "vitest";
import type { WorkerSession } from "../../src/api/worker-attach-service.js";
import { LeaderSessions } from "../../src/mesh/leader-sessions.js";
import type { QueueLeader } from "../../src/queue/leader.js";
import { taskReport, workerHello } from "../support/queue-fixtures.js";

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

const sessions = () => new LeaderSessions({ leaseMs: 1_000, term: () => 3, lastIndex: () => 7 });

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
