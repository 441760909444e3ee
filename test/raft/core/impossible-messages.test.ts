// What no correct cluster sends stops the server; what faults may bring does not.
import { describe, expect, it } from "vitest";
import {
  InvariantViolation,
  logIndex,
  nodeId,
  RaftCore,
  term,
} from "../../../src/raft/core/index.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import { ScenarioDisk } from "../../support/raft-scenario-disk.js";
import type { AppendRequest, Entry, Message } from "../../../src/raft/core/index.js";

const [A, B, C] = [nodeId("A"), nodeId("B"), nodeId("C")];

function entry(index: number, entryTerm: number): Entry {
  return {
    index: logIndex(index),
    term: term(entryTerm),
    kind: "command",
    data: new Uint8Array(1),
  };
}

function append(change: Partial<AppendRequest>): AppendRequest {
  return {
    kind: "append-request",
    from: B,
    to: A,
    term: term(3),
    prevLogIndex: logIndex(3),
    prevLogTerm: term(2),
    entries: [],
    leaderCommit: logIndex(0),
    ...change,
  };
}

/** A follower in term 3 whose log is 1, 1, 2, the first two committed. */
function follower(): RaftCore {
  const disk = new ScenarioDisk();
  disk.prepare([term(1), term(1), term(2)], term(3), undefined);
  return new RaftCore({
    id: A,
    log: disk,
    hardState: { term: term(3), vote: undefined, commit: logIndex(2) },
    membership: membershipOf([A, B, C]),
    applied: logIndex(0),
    random: () => 0.5,
  });
}

describe("a server stops", () => {
  it.each<[string, Message[]]>([
    [
      "when an append conflicts with a committed entry",
      [append({ prevLogIndex: logIndex(1), prevLogTerm: term(1), entries: [entry(2, 2)] })],
    ],
    [
      "when an append follows a committed entry of another term",
      [append({ prevLogIndex: logIndex(2), prevLogTerm: term(2), entries: [entry(3, 2)] })],
    ],
    ["when an append has a gap", [append({ entries: [entry(5, 3)] })]],
    ["when the terms of an append go back", [append({ entries: [entry(4, 1)] })]],
    ["when two servers lead in one term", [append({}), append({ from: C })]],
    [
      "when it lacks what it acknowledged",
      [
        {
          kind: "heartbeat",
          from: B,
          to: A,
          term: term(3),
          commit: logIndex(4),
          readRound: 0,
        },
      ],
    ],
  ])("%s", (_, messages) => {
    const core = follower();
    const stepAll = () => messages.forEach((message) => core.step(message));
    expect(stepAll).toThrow(InvariantViolation);
  });

  it("when it is told that a write is done which was not next", () => {
    expect(() => follower().persisted(1)).toThrow(InvariantViolation);
  });

  it("when it is told to have applied what was not handed out", () => {
    expect(() => follower().applied(logIndex(2))).toThrow(InvariantViolation);
  });
});

describe("a server goes on", () => {
  it.each<[string, Message]>([
    ["when a message is for another server", { ...append({}), to: C }],
    ["when an append is from a former term", append({ term: term(2) })],
    [
      "when an append repeats what is committed",
      append({ prevLogIndex: logIndex(0), prevLogTerm: term(0), entries: [entry(1, 1)] }),
    ],
    [
      "when an append lies beyond its log",
      append({ prevLogIndex: logIndex(9), prevLogTerm: term(3) }),
    ],
    [
      "when an answer comes that it does not wait for",
      {
        kind: "append-response",
        from: B,
        to: A,
        term: term(3),
        result: { success: true, matchIndex: logIndex(99) },
      },
    ],
    [
      "when a vote comes that it did not ask for",
      {
        kind: "vote-response",
        from: B,
        to: A,
        term: term(3),
        preVote: false,
        granted: true,
        offersLog: false,
      },
    ],
    [
      "when a log comes that it did not ask for",
      {
        kind: "catch-up-response",
        from: B,
        to: A,
        term: term(3),
        prevLogIndex: logIndex(3),
        prevLogTerm: term(2),
        result: { kind: "entries", entries: [entry(4, 3)] },
      },
    ],
    [
      "when a read is answered that it did not ask for",
      {
        kind: "read-index-response",
        from: B,
        to: A,
        term: term(3),
        requestId: 1,
        readIndex: logIndex(1),
      },
    ],
  ])("%s", (_, message) => {
    const core = follower();
    core.step(message);
    expect(core.status()).toMatchObject({ role: "follower", term: 3, commit: 2, lastIndex: 3 });
  });
});
