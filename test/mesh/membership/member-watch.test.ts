// How the leader tells a follower that answers from one that does not, and one that keeps up from one
// that falls behind.
import { describe, expect, test } from "vitest";
import { MemberWatch } from "../../../src/mesh/membership/member-watch.js";
import type { RaftStatus } from "../../../src/raft/index.js";
import { logIndex, nodeId } from "../../../src/raft/index.js";

const LOOK_MS = 100;

class Follower {
  readonly watch = new MemberWatch({ aliveWithinMs: 800, roundMs: 400 });
  last = 1_000;
  match = 0;

  looks(count: number, { answers, perLook = 0 }: { answers: boolean; perLook?: number }): void {
    for (let look = 0; look < count; look += 1) {
      this.match = Math.min(this.last, this.match + perLook);
      const peer: RaftStatus["peers"][number] = {
        id: nodeId("n2"),
        match: logIndex(this.match),
        next: logIndex(this.match + 1),
        state: "replicate",
        recentActive: answers,
        inflightMessages: 0,
        inflightBytes: 0,
        snapshotOffset: undefined,
      };
      this.watch.observe({ peers: [peer], lastIndex: logIndex(this.last) }, LOOK_MS);
    }
  }

  get state() {
    return this.watch.stateOf("n2");
  }
}

describe("a follower", () => {
  test("counts as silent until it answers for the first time", () => {
    const follower = new Follower();
    follower.looks(3, { answers: false });
    expect(follower.state).toMatchObject({ alive: false, silentForMs: 300 });

    follower.looks(1, { answers: true });
    expect(follower.state).toMatchObject({ alive: true, silentForMs: 0 });
  });

  test("is silent only after a while, and reachable anew from its next answer on", () => {
    const follower = new Follower();
    follower.looks(20, { answers: true });
    follower.looks(8, { answers: false });
    expect(follower.state).toMatchObject({ alive: true, aliveForMs: 2_800 });

    follower.looks(1, { answers: false });
    expect(follower.state).toMatchObject({ alive: false, aliveForMs: 0, silentForMs: 900 });

    follower.looks(1, { answers: true });
    expect(follower.state).toMatchObject({ alive: true, aliveForMs: 100 });
  });

  test("has caught up once a round takes no longer than an election timeout", () => {
    const follower = new Follower();
    follower.looks(9, { answers: true, perLook: 100 });
    expect(follower.state.caughtUp).toBe(false);

    // The first round ends, but it took long; what came meanwhile is the next, and a short one.
    follower.last = 1_200;
    follower.looks(1, { answers: true, perLook: 100 });
    expect(follower.state.caughtUp).toBe(false);
    follower.looks(2, { answers: true, perLook: 100 });
    expect(follower.state.caughtUp).toBe(true);
  });

  test("has not caught up any more when the log runs away from it", () => {
    const follower = new Follower();
    follower.looks(20, { answers: true, perLook: 1_000 });
    expect(follower.state.caughtUp).toBe(true);

    follower.last = 100_000;
    follower.looks(6, { answers: true, perLook: 10 });
    expect(follower.state.caughtUp).toBe(false);
  });

  test("is unknown when it is no member", () => {
    expect(new Follower().state).toEqual({
      alive: false,
      aliveForMs: 0,
      silentForMs: 0,
      caughtUp: false,
    });
  });
});
