// What an acknowledgement vouches for, and for how long: neither more than was found to match, nor in
// another term than the one in which it was given.
import { expect, it } from "vitest";
import { logIndex, term } from "../../../src/raft/core/index.js";
import { A, B, C, elect, start, work } from "../../support/raft-lone-server.js";
import type { Message, NodeId } from "../../../src/raft/core/index.js";

const acknowledge = (from: NodeId, inTerm: number, index: number): Message => ({
  kind: "append-response",
  from,
  to: A,
  term: term(inTerm),
  result: { success: true, matchIndex: logIndex(index) },
});

it("an acknowledgement of a former term does not count for a leader that was elected again", () => {
  // given a leader of term 1 with entries up to 10
  const server = start([], 0);
  elect(server);
  server.core.propose(Array.from({ length: 9 }, () => new Uint8Array(1)));
  work(server);
  expect(server.core.status()).toMatchObject({ role: "leader", term: 1, lastIndex: 10, commit: 0 });
  // and then one of term 2, who drops all after 5
  server.core.step({
    kind: "append-request",
    from: C,
    to: A,
    term: term(2),
    prevLogIndex: logIndex(5),
    prevLogTerm: term(1),
    entries: [{ index: logIndex(6), term: term(2), kind: "noop", data: new Uint8Array(0) }],
    leaderCommit: logIndex(0),
  });
  work(server);
  // when it leads again, in term 3, and B's acknowledgement of 10 in term 1 arrives
  elect(server);
  server.core.propose(Array.from({ length: 3 }, () => new Uint8Array(1)));
  work(server);
  expect(server.core.status()).toMatchObject({ role: "leader", term: 3, lastIndex: 10 });
  server.core.step(acknowledge(B, 1, 10));
  work(server);
  // then nothing is known of B's log, and nothing is committed
  const { commit, peers } = server.core.status();
  expect(commit).toBe(0);
  expect(peers.find(({ id }) => id === B)).toMatchObject({ match: 0 });
  // until B acknowledges it in this term
  server.core.step(acknowledge(B, 3, 10));
  expect(server.core.status().commit).toBe(10);
});

it("a follower acknowledges what was found to match, not the end of its log", () => {
  // given a log that goes on with entries of another leader
  const server = start([1, 1, 1, 2, 2], 3);
  // when an append ends before them, with an entry that is there
  server.core.step({
    kind: "append-request",
    from: B,
    to: A,
    term: term(3),
    prevLogIndex: logIndex(2),
    prevLogTerm: term(1),
    entries: [{ index: logIndex(3), term: term(1), kind: "command", data: new Uint8Array(1) }],
    leaderCommit: logIndex(0),
  });
  // then it vouches for no more than that
  expect(work(server)).toMatchObject([
    { kind: "append-response", result: { success: true, matchIndex: 3 } },
  ]);
});

it("an acknowledgement in a former term does not pass for one in this", () => {
  const server = start([1, 1, 1], 1);
  const probe = (from: NodeId, inTerm: number): Message => ({
    kind: "append-request",
    from,
    to: A,
    term: term(inTerm),
    prevLogIndex: logIndex(3),
    prevLogTerm: term(1),
    entries: [],
    leaderCommit: logIndex(inTerm),
  });
  server.core.step(probe(B, 1));
  work(server);
  // when the next leader probes, and tells of a commit along with it
  server.core.step(probe(C, 2));
  // then it is answered at once
  expect(work(server)).toMatchObject([
    { kind: "append-response", to: C, term: 2, result: { success: true, matchIndex: 3 } },
  ]);
});
