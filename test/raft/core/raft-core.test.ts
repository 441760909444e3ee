// The core as its driver sees it: what it is built from, what it hands out, and when it is at rest.
import { describe, expect, it } from "vitest";
import {
  emptyMembership,
  InvariantViolation,
  logIndex,
  nodeId,
  RaftCore,
  term,
} from "../../../src/raft/core/index.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import { ScenarioDisk } from "../../support/raft-scenario-disk.js";
import type { Message, RaftCoreOptions, Ready } from "../../../src/raft/core/index.js";

const [A, B, C] = [nodeId("A"), nodeId("B"), nodeId("C")];

function start(change: Partial<RaftCoreOptions> = {}): { core: RaftCore; disk: ScenarioDisk } {
  const disk = new ScenarioDisk();
  const core = new RaftCore({
    id: A,
    log: disk,
    hardState: disk.hardState,
    membership: membershipOf([A]),
    applied: logIndex(0),
    random: () => 0,
    ...change,
  });
  return { core, disk };
}

/** Does all work there is; returns the batches. */
function work({ core, disk }: ReturnType<typeof start>): Ready[] {
  const batches: Ready[] = [];
  while (core.hasReady()) {
    const ready = core.ready();
    batches.push(ready);
    if (ready.write !== undefined) {
      disk.write(ready.write);
      core.persisted(ready.write.sequence);
    }
    const last = ready.committed.at(-1);
    if (last !== undefined) core.applied(last.index);
  }
  return batches;
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe("a core", () => {
  it.each<[string, Partial<RaftCoreOptions>]>([
    ["no heartbeat between elections", { electionTicks: 3, heartbeatTicks: 3 }],
    ["an empty window", { maxInflightMessages: 0 }],
    ["a priority beyond the scale", { leadershipPriority: 11 }],
    ["a log that is ahead of the term on disk", { log: logOf(2), hardState: stateAt(1) }],
    ["an applied index past the log", { applied: logIndex(1) }],
  ])("is not built from %s", (_, change) => {
    expect(() => start(change)).toThrow(InvariantViolation);
  });

  it("is at rest when all is done", () => {
    const single = start();
    single.core.campaign();
    work(single);
    expect(single.core.hasReady()).toBe(false);
    single.core.propose([bytes("a")]);
    expect(single.core.hasReady()).toBe(true);
    work(single);
    expect(single.core.hasReady()).toBe(false);
    expect(single.core.status()).toMatchObject({ role: "leader", commit: 2, applied: 2 });
  });

  it("numbers its writes from 1 without a gap, and writes nothing for a commit alone", () => {
    const single = start();
    single.core.campaign();
    const batches = work(single);
    single.core.propose([bytes("a"), bytes("b")]);
    batches.push(...work(single));
    const writes = batches.flatMap(({ write }) => (write === undefined ? [] : [write]));
    expect(writes.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(writes.map(({ entries }) => entries.length)).toEqual([0, 1, 2]);
  });

  it("joins proposals that arrive between two batches", () => {
    const single = start();
    single.core.campaign();
    work(single);
    expect(single.core.propose([bytes("a")])).toMatchObject({ kind: "accepted", index: 2 });
    expect(single.core.propose([bytes("b"), bytes("c")])).toMatchObject({ index: 3, term: 1 });
    expect(single.core.ready().write?.entries).toHaveLength(3);
  });

  it("answers every read once, with an index or without", () => {
    const single = start();
    single.core.readIndex(1);
    single.core.campaign();
    const batches = work(single);
    single.core.readIndex(2);
    single.core.readIndex(3);
    batches.push(...work(single));
    expect(batches.flatMap(({ reads }) => reads)).toEqual([
      { requestId: 1, readIndex: undefined },
      { requestId: 2, readIndex: 1 },
      { requestId: 3, readIndex: 1 },
    ]);
  });

  it("gives up reads beyond those that may wait", () => {
    const three = start({ membership: membershipOf([A, B, C]), maxPendingReads: 1 });
    three.core.step({
      kind: "heartbeat",
      from: B,
      to: A,
      term: term(1),
      commit: logIndex(0),
      readRound: 0,
    });
    three.core.readIndex(1);
    three.core.readIndex(2);
    const reads = work(three).flatMap((ready) => ready.reads);
    expect(reads).toEqual([{ requestId: 2, readIndex: undefined }]);
  });

  it("does not take an answer from before its restart for one to a later read", () => {
    // given a read that was forwarded before a restart
    const heartbeat: Message = {
      kind: "heartbeat",
      from: B,
      to: A,
      term: term(1),
      commit: logIndex(0),
      readRound: 0,
    };
    const forwarded = (random: () => number) => {
      const node = start({ membership: membershipOf([A, B, C]), random });
      node.core.step(heartbeat);
      node.core.readIndex(1);
      const requests = work(node)
        .flatMap(({ messages }) => messages)
        .filter((message) => message.kind === "read-index-request");
      return { node, requestId: requests[0]?.requestId ?? -1 };
    };
    const before = forwarded(() => 0.25);
    const after = forwarded(() => 0.75);
    // when its answer arrives after the restart, where a read waits under the same number
    after.node.core.step({
      kind: "read-index-response",
      from: B,
      to: A,
      term: term(1),
      requestId: before.requestId,
      readIndex: logIndex(0),
    });
    // then it answers nothing
    expect(work(after.node).flatMap(({ reads }) => reads)).toEqual([]);
  });

  it("commits no further than the entries that were just found to match", () => {
    // given a log whose end is another leader's
    const disk = new ScenarioDisk();
    disk.prepare([term(1), term(2), term(2)], term(3), undefined);
    const { core } = start({
      log: disk,
      hardState: disk.hardState,
      membership: membershipOf([A, B, C]),
    });
    // when the leader sends the beginning of its log, and has committed more of it
    core.step({
      kind: "append-request",
      from: B,
      to: A,
      term: term(3),
      prevLogIndex: logIndex(0),
      prevLogTerm: term(0),
      entries: [{ index: logIndex(1), term: term(1), kind: "command", data: bytes("a") }],
      leaderCommit: logIndex(3),
    });
    // then only what is known to be the same is committed
    expect(core.status()).toMatchObject({ commit: 1, lastIndex: 3 });
  });

  it("knows the configuration at an applied index, for a snapshot there", () => {
    const single = start();
    single.core.campaign();
    work(single);
    single.core.proposeMembership([{ kind: "add-learner", member: { id: B, address: "b" } }]);
    work(single);
    expect(single.core.membershipAt(logIndex(1))?.learners).toEqual([]);
    expect(single.core.membershipAt(logIndex(2))?.learners).toEqual([{ id: B, address: "b" }]);
  });

  it("knows no configuration before the first one in the log of a server that joined", () => {
    const { core } = start({ membership: emptyMembership });
    expect(core.membershipAt(logIndex(0))).toEqual(emptyMembership);
  });

  it("waits longer before it campaigns the less willing it is to lead", () => {
    const ticksUntilCampaign = (leadershipPriority: number) => {
      const { core } = start({ membership: membershipOf([A, B, C]), leadershipPriority });
      let ticks = 0;
      while (core.status().role === "follower") {
        core.tick();
        ticks += 1;
      }
      return ticks;
    };
    expect(ticksUntilCampaign(10)).toBe(10);
    expect(ticksUntilCampaign(5)).toBe(15);
    expect(ticksUntilCampaign(0)).toBe(20);
  });
});

function logOf(entryTerm: number): ScenarioDisk {
  const disk = new ScenarioDisk();
  disk.prepare([term(entryTerm)], term(entryTerm), undefined);
  return disk;
}

function stateAt(currentTerm: number): ScenarioDisk["hardState"] {
  return { term: term(currentTerm), vote: undefined, commit: logIndex(0) };
}
