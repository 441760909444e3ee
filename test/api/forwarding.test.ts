import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, test, vi } from "vitest";

import { FORWARDED_METADATA_KEY } from "../../src/api/leader-try.js";
import { problemOf } from "../../src/api/status.js";
import type { SubmitTasksRequest } from "../../src/gen/mesh/v1/task_service.js";
import { QueueError } from "../../src/queue/errors.js";
import { call, failureOf, follow, startNode, submit, submissionOf } from "./support.js";

const forwarded = (hops: number): Metadata => {
  const metadata = new Metadata();
  metadata.set(FORWARDED_METADATA_KEY, String(hops));
  return metadata;
};

async function startPair(options: { readonly leaderWaitMs?: number } = {}) {
  const [leader, follower] = await Promise.all([startNode(options), startNode(options)]);
  leader.leadership.become({ kind: "self" });
  follow(follower, leader);
  return { leader, follower };
}

describe("a follower", () => {
  test("hands a submission on to the leader, with its id fixed before it leaves", async () => {
    const { leader, follower } = await startPair();
    const { task } = await submit(follower);
    expect(follower.queue.submitCalls).toEqual([]);
    const items = leader.queue.submitCalls.flatMap((request) => request.items);
    expect(items.map(({ id }) => id)).toEqual([task?.id]);
    expect(task?.id).toHaveLength(26);
  });

  test("hands many single submissions on in few calls", async () => {
    const { leader, follower } = await startPair();
    const answers = await Promise.all(Array.from({ length: 200 }, () => submit(follower)));
    expect(new Set(answers.map(({ task }) => task?.id)).size).toBe(200);
    expect(leader.queue.submitCalls.length).toBeLessThan(50);
  });

  test("hands on batches, cancels, retries, and what concerns the cluster", async () => {
    const { leader, follower } = await startPair();
    const { results } = await call(follower.tasks.submitTasks.bind(follower.tasks), {
      items: [submissionOf(), submissionOf({ type: "refused" })],
      resend: false,
    });
    expect(results.map(({ outcome }) => outcome?.$case)).toEqual(["submitted", "refused"]);
    await call(follower.tasks.cancelTask.bind(follower.tasks), { id: "a" });
    await call(follower.tasks.retryTask.bind(follower.tasks), { id: "b" });
    expect(leader.queue.calls).toEqual(["cancel a", "retry b"]);
    const stub = follower.cluster.transferLeadership.bind(follower.cluster);
    expect(await call(stub, { to: "n2" })).toEqual({ leaderId: "n2", term: 2 });
    expect(await call(follower.cluster.listWorkers.bind(follower.cluster), {})).toEqual({
      workers: [],
    });
  });

  test("passes on the leader's refusal as it was", async () => {
    const { follower } = await startPair();
    const error = await failureOf(
      call(follower.cluster.drainWorker.bind(follower.cluster), { id: "n9" }),
    );
    expect(error.code).toBe(status.NOT_FOUND);
    expect(problemOf(error)).toMatchObject({ code: "not_found", message: "no worker n9" });
  });

  test("passes the caller's deadline on", async () => {
    const { leader, follower } = await startPair();
    leader.queue.submit = () => new Promise(() => undefined);
    const error = await failureOf(submit(follower, {}, { deadline: Date.now() + 300 }));
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
    // Both nodes are free of the call: the follower listens to no change of leadership any more.
    await vi.waitFor(() => expect(follower.leadership.listenerCount).toBe(0));
  });
});

describe("a node that knows no leader", () => {
  test("waits for one to appear", async () => {
    const leader = await startNode();
    const follower = await startNode();
    leader.leadership.become({ kind: "self" });
    const submitted = submit(follower);
    await vi.waitFor(() => expect(follower.leadership.listenerCount).toBe(1));
    follow(follower, leader);
    expect((await submitted).created).toBe(true);
    expect(follower.leadership.listenerCount).toBe(0);
  });

  test("answers no_leader with a time to try again when none appears", async () => {
    const node = await startNode({ leaderWaitMs: 50 });
    const error = await failureOf(submit(node));
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(problemOf(error)).toMatchObject({ code: "no_leader", httpStatus: 503 });
    expect(problemOf(error)?.retryAfterMs).toBeGreaterThan(0);
    expect(node.leadership.listenerCount).toBe(0);
  });

  test("answers not_leader to a node that took it for the leader", async () => {
    const node = await startNode({ leaderWaitMs: 50 });
    const error = await failureOf(submit(node, {}, { metadata: forwarded(1) }));
    expect(problemOf(error)).toMatchObject({ code: "not_leader" });
  });

  test("takes a call that comes while it is only becoming the leader", async () => {
    const { leader, follower } = await startPair();
    leader.leadership.become({ kind: "unknown" });
    const submitted = submit(follower);
    await vi.waitFor(() => expect(leader.leadership.listenerCount).toBe(1));
    leader.leadership.become({ kind: "self" });
    expect((await submitted).created).toBe(true);
  });
});

describe("a leader that changes under a call", () => {
  test("is followed: what an old leader refused goes to the new one", async () => {
    const [old, next, follower] = await Promise.all([startNode(), startNode(), startNode()]);
    next.leadership.become({ kind: "self" });
    follow(follower, old);
    // The old leader has been deposed and its edge has not heard of it yet.
    old.leadership.become({ kind: "self" });
    old.queue.submit = () => {
      setImmediate(() => follow(follower, next));
      return Promise.reject(new QueueError("not_leader", "deposed"));
    };
    const submitted = submit(follower);
    expect((await submitted).created).toBe(true);
    expect(next.queue.kept.size).toBe(1);
  });

  test("is found by way of a node that knows better, within the bound of hops", async () => {
    const [leader, between, follower] = await Promise.all([startNode(), startNode(), startNode()]);
    leader.leadership.become({ kind: "self" });
    follow(between, leader);
    follow(follower, between);
    expect((await submit(follower)).created).toBe(true);
    expect(leader.queue.submitCalls).toHaveLength(1);
  });

  test("makes no loop where two nodes take each other for the leader", async () => {
    const [one, other] = await Promise.all([
      startNode({ leaderWaitMs: 50 }),
      startNode({ leaderWaitMs: 50 }),
    ]);
    follow(one, other);
    follow(other, one);
    const error = await failureOf(submit(one));
    expect(problemOf(error)).toMatchObject({ code: "no_leader" });
    expect([...one.queue.submitCalls, ...other.queue.submitCalls]).toEqual([]);
  });

  test("is asked again after its answer was lost, and the task stays one", async () => {
    const { leader: old, follower } = await startPair();
    const next = await startNode();
    next.leadership.become({ kind: "self" });
    old.queue.submit = (request: SubmitTasksRequest) => {
      // The old leader commits, and falls silent before it answers.
      for (const item of request.items) next.queue.keep(item);
      return new Promise(() => undefined);
    };
    const submitted = submit(follower);
    await vi.waitFor(() => expect(next.queue.kept.size).toBe(1));
    follow(follower, next);
    expect((await submitted).created).toBe(true);
    expect(next.queue.submitCalls.map(({ resend }) => resend)).toEqual([true]);
    expect(next.queue.kept.size).toBe(1);
  });

  test("is asked again after it was killed", async () => {
    const { leader: old, follower } = await startPair();
    const next = await startNode();
    next.leadership.become({ kind: "self" });
    old.queue.submit = () => {
      void old.server.close(0);
      return new Promise(() => undefined);
    };
    const submitted = submit(follower);
    // Connected again, or refused: either way the follower waits for news of the leader.
    await vi.waitFor(() => expect(follower.leadership.listenerCount).toBeGreaterThan(0));
    follow(follower, next);
    const { task } = await submitted;
    expect([...next.queue.kept.keys()]).toEqual([task?.id]);
  });

  test("is asked again to cancel as the same operation: what it did once it does not do twice", async () => {
    const { leader, follower } = await startPair();
    const asked: (string | undefined)[] = [];
    leader.queue.cancel = ({ operation }) => {
      asked.push(operation?.id);
      return Promise.reject(new QueueError("outcome_unknown", "lost leadership"));
    };
    const error = await failureOf(
      call(follower.tasks.cancelTask.bind(follower.tasks), { id: "a" }),
    );
    expect(error.code).toBe(status.ABORTED);
    expect(problemOf(error)).toMatchObject({ code: "outcome_unknown" });
    expect(asked).toHaveLength(3);
    expect(new Set(asked).size).toBe(1);
    expect(asked[0]).not.toBe(undefined);
  });

  test.each(["overloaded", "no_leader"] as const)(
    "that answers %s after a lost answer does not say that nothing was done",
    async (code) => {
      const { leader, follower } = await startPair();
      leader.queue.submit = () => {
        leader.queue.submit = () => Promise.reject(new QueueError(code, "just now"));
        return Promise.reject(new QueueError("outcome_unknown", "lost leadership"));
      };
      const error = await failureOf(submit(follower));
      expect(problemOf(error)).toMatchObject({ code: "outcome_unknown" });
    },
  );

  test("that is overloaded, with no answer lost, says so itself", async () => {
    const { leader, follower } = await startPair();
    leader.queue.submit = () => Promise.reject(new QueueError("overloaded", "just now"));
    const error = await failureOf(submit(follower));
    expect(problemOf(error)).toMatchObject({ code: "overloaded", message: "just now" });
  });

  test("that cannot be reached at all leaves a cancel undone and says so", async () => {
    const { leader, follower } = await startPair({ leaderWaitMs: 50 });
    await leader.server.close(0);
    const error = await failureOf(
      call(follower.tasks.cancelTask.bind(follower.tasks), { id: "a" }),
    );
    expect(problemOf(error)).toMatchObject({ code: "no_leader" });
  });

  test("is asked again where it only leads a moment later, without news of a change", async () => {
    const { leader, follower } = await startPair();
    let refusals = 0;
    const take = leader.queue.submit.bind(leader.queue);
    leader.queue.submit = () => {
      leader.queue.submit = take;
      refusals += 1;
      return Promise.reject(new QueueError("not_leader", "not yet"));
    };
    expect((await submit(follower)).created).toBe(true);
    expect(refusals).toBe(1);
    // Surely not done the first time: nothing to look up.
    expect(leader.queue.submitCalls.map(({ resend }) => resend)).toEqual([false]);
  });

  test("is left for its successor while the connection to it is still awaited", async () => {
    const [gone, next, follower] = await Promise.all([
      startNode(),
      startNode(),
      startNode({ leaderWaitMs: 60_000 }),
    ]);
    next.leadership.become({ kind: "self" });
    // Nothing routes there: the connection neither comes nor fails for long.
    follower.leadership.become({ kind: "other", id: gone.address, address: "192.0.2.1:50051" });
    const submitted = submit(follower, {}, { deadline: Date.now() + 30_000 });
    await vi.waitFor(() => expect(follower.leadership.listenerCount).toBe(1));
    follow(follower, next);
    expect((await submitted).created).toBe(true);
  });

  test("sends its own submissions to its successor", async () => {
    const [old, next] = await Promise.all([startNode(), startNode()]);
    old.leadership.become({ kind: "self" });
    next.leadership.become({ kind: "self" });
    old.queue.submit = () => {
      follow(old, next);
      return Promise.reject(new QueueError("not_leader", "deposed"));
    };
    expect((await submit(old)).created).toBe(true);
    expect(next.queue.submitCalls).toHaveLength(1);
  });
});
