// A follower as its leader sees it: what is sent, acknowledged, refused, and how the window moves.
import { describe, expect, it } from "vitest";
import { InvariantViolation, logIndex, term } from "../../../src/raft/core/index.js";
import { InflightWindow } from "../../../src/raft/core/inflight.js";
import { emptyMembership } from "../../../src/raft/core/membership.js";
import { Progress } from "../../../src/raft/core/progress.js";

const index = logIndex;

function newProgress(next: number): Progress {
  return new Progress(index(next), undefined, 2, 100);
}

describe("an inflight window", () => {
  it("is full when it holds as many messages as it may", () => {
    const window = new InflightWindow(2, 1000);
    window.add(index(3), 1);
    expect(window.isFull()).toBe(false);
    window.add(index(5), 1);
    expect(window.isFull()).toBe(true);
    expect(() => window.add(index(6), 1)).toThrow(InvariantViolation);
  });

  it("is full when its bytes are at the limit, and takes one message beyond", () => {
    const window = new InflightWindow(10, 100);
    window.add(index(3), 99);
    window.add(index(4), 500);
    expect(window.isFull()).toBe(true);
    expect(window.bytes).toBe(599);
  });

  it("frees the messages that an acknowledgement covers whole", () => {
    const window = new InflightWindow(10, 100);
    window.add(index(3), 10);
    window.add(index(5), 20);
    window.add(index(8), 30);
    window.freeUpTo(index(7));
    expect(window.messages).toBe(1);
    expect(window.bytes).toBe(30);
    window.freeUpTo(index(2));
    expect(window.messages).toBe(1);
    window.freeUpTo(index(8));
    expect(window.messages).toBe(0);
    expect(window.bytes).toBe(0);
  });
});

describe("a follower that is probed", () => {
  it("is sent one append at a time", () => {
    const progress = newProgress(5);
    progress.noteSent(index(6), 20, index(4));
    expect(progress.isPaused()).toBe(true);
    expect(progress.next).toBe(5);
  });

  it("goes back to the leader's guess when it refuses, and is probed there", () => {
    const progress = newProgress(10);
    progress.noteSent(index(10), 20, index(0));
    expect(progress.maybeBackUp(index(9), index(4))).toBe(true);
    expect(progress.next).toBe(5);
    expect(progress.isPaused()).toBe(false);
  });

  it("goes back by one at least, and never to what is known to match", () => {
    const progress = newProgress(10);
    expect(progress.maybeBackUp(index(9), index(20))).toBe(true);
    expect(progress.next).toBe(9);
    progress.maybeAdvance(index(3));
    expect(progress.maybeBackUp(index(8), index(0))).toBe(true);
    expect(progress.next).toBe(4);
    expect(progress.maybeBackUp(index(3), index(0))).toBe(false);
  });

  it("takes no notice of a refusal of another append", () => {
    const progress = newProgress(10);
    expect(progress.maybeBackUp(index(7), index(2))).toBe(false);
    expect(progress.next).toBe(10);
  });
});

describe("a follower that is replicated to", () => {
  it("is sent appends ahead of its acknowledgements until the window is full", () => {
    const progress = newProgress(1);
    progress.becomeReplicate();
    progress.noteSent(index(1), 20, index(0));
    progress.noteSent(index(2), 20, index(0));
    expect(progress.next).toBe(3);
    expect(progress.isPaused()).toBe(true);
    expect(progress.maybeAdvance(index(1))).toBe(true);
    expect(progress.isPaused()).toBe(false);
    expect(progress.maybeAdvance(index(1))).toBe(false);
  });

  it("is probed again from what matches when it refuses what is beyond", () => {
    const progress = newProgress(1);
    progress.becomeReplicate();
    progress.noteSent(index(4), 20, index(0));
    progress.maybeAdvance(index(2));
    expect(progress.maybeBackUp(index(2), index(1))).toBe(false);
    expect(progress.state).toBe("replicate");
    expect(progress.maybeBackUp(index(4), index(1))).toBe(true);
    expect(progress.state).toBe("probe");
    expect(progress.next).toBe(3);
    expect(progress.inflight.messages).toBe(0);
  });

  it("knows the commit of what it was sent, and no more than its entries reach", () => {
    const progress = newProgress(1);
    progress.becomeReplicate();
    progress.noteSent(index(2), 20, index(7));
    expect(progress.sentCommit).toBe(2);
    progress.noteSent(index(2), 0, index(1));
    expect(progress.sentCommit).toBe(2);
  });
});

describe("a follower that is sent a snapshot", () => {
  it("is sent no appends", () => {
    const progress = newProgress(1);
    progress.becomeSnapshot({
      index: index(9),
      term: term(1),
      membership: emptyMembership,
      sizeBytes: 10,
      checksum: 0,
    });
    expect(progress.isPaused()).toBe(true);
    expect(progress.next).toBe(10);
    expect(progress.maybeBackUp(index(9), index(0))).toBe(false);
    progress.becomeProbe();
    expect(progress.snapshot).toBeUndefined();
    expect(progress.next).toBe(1);
  });
});
