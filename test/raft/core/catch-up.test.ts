// A candidate that was refused for its log and asks the voter for the rest, message by message: what is
// adopted, when, and what that does not count for.
import { describe, expect, it } from "vitest";
import { encodeMembership, logIndex, term } from "../../../src/raft/core/index.js";
import { A, B, C, done, entry, type Server, start, work } from "../../support/raft-lone-server.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import type { CatchUpResponse, Entry, Message } from "../../../src/raft/core/index.js";

const TERM = 3;

/** A campaigns, and B refuses and offers its log. Returns what A sends then. */
function refused(server: Server): readonly Message[] {
  server.core.campaign();
  work(server);
  server.core.step({
    kind: "vote-response",
    from: B,
    to: A,
    term: term(TERM),
    preVote: true,
    granted: false,
    offersLog: true,
  });
  return work(server);
}

function answer(
  prevLogIndex: number,
  prevLogTerm: number,
  result: readonly Entry[] | CatchUpResponse["result"],
): CatchUpResponse {
  return {
    kind: "catch-up-response",
    from: B,
    to: A,
    term: term(TERM),
    prevLogIndex: logIndex(prevLogIndex),
    prevLogTerm: term(prevLogTerm),
    result: "kind" in result ? result : { kind: "entries", entries: result },
  };
}

const conflict = (hintIndex: number, hintTerm: number) =>
  ({ kind: "conflict", hintIndex: logIndex(hintIndex), hintTerm: term(hintTerm) }) as const;

const heartbeat: Message = {
  kind: "heartbeat",
  from: C,
  to: A,
  term: term(TERM),
  commit: logIndex(0),
  readRound: 0,
};

describe("a candidate that was refused for its log", () => {
  it("asks the voter for what follows its own", () => {
    const server = start([1, 1], TERM);
    expect(refused(server)).toMatchObject([
      { kind: "catch-up-request", to: B, term: TERM, prevLogIndex: 2, prevLogTerm: 1 },
    ]);
  });

  it("asks nobody where that is turned off", () => {
    expect(refused(start([1, 1], TERM, { catchUp: false }))).toEqual([]);
  });

  it("neither acknowledges nor commits what it adopts", () => {
    const server = start([1], TERM);
    refused(server);
    server.core.step(answer(1, 1, [entry(2, 1), entry(3, 2)]));
    const messages = work(server);
    expect(server.disk.all().map((each) => each.term)).toEqual([1, 1, 2]);
    expect(server.core.status()).toMatchObject({ commit: 0, lastIndex: 3, term: TERM });
    expect(new Set(messages.map(({ kind }) => kind))).toEqual(new Set(["vote-request"]));
  });

  it("asks for votes with what it adopted once that is on its disk", () => {
    const server = start([1], TERM);
    refused(server);
    server.core.step(answer(1, 1, [entry(2, 1)]));
    const ready = server.core.ready();
    expect([...ready.messages, ...(ready.write?.messagesAfter ?? [])]).toEqual([]);
    done(server, ready);
    expect(work(server)).toMatchObject([
      { kind: "vote-request", to: B, preVote: true, lastLogIndex: 2, lastLogTerm: 1 },
      { kind: "vote-request", to: C },
    ]);
  });

  it("does not take an earlier write for the one that it waits for", () => {
    // given a write of a new term that is under way
    const server = start([1], TERM);
    const candidacy = { preVote: false, lastLogIndex: logIndex(0), lastLogTerm: term(0) };
    const inNewTerm = { from: B, to: A, term: term(TERM + 1) };
    server.core.step({ kind: "vote-request", ...inNewTerm, ...candidacy, transfer: false });
    const earlier = server.core.ready();
    // when it adopts entries
    server.core.campaign();
    server.core.step({
      kind: "vote-response",
      ...inNewTerm,
      preVote: true,
      granted: false,
      offersLog: true,
    });
    server.core.step({ ...answer(1, 1, [entry(2, 1)]), ...inNewTerm });
    const later = server.core.ready();
    done(server, earlier);
    // then it waits for the later one
    expect(server.core.status()).toMatchObject({ role: "follower", lastIndex: 2 });
    done(server, later);
    expect(server.core.status()).toMatchObject({ role: "pre-candidate", persistedIndex: 2 });
  });

  it("adopts nothing before it ends more up to date than the own log", () => {
    const server = start([1, 2, 2], TERM);
    refused(server);
    server.core.step(answer(3, 2, conflict(3, 1)));
    expect(work(server)).toMatchObject([{ kind: "catch-up-request", prevLogIndex: 1 }]);
    server.core.step(answer(1, 1, [entry(2, 1), entry(3, 1), entry(4, 1)]));
    expect(work(server)).toMatchObject([{ kind: "catch-up-request", prevLogIndex: 4 }]);
    expect(server.disk.all().map((each) => each.term)).toEqual([1, 2, 2]);
    server.core.step(answer(4, 1, [entry(5, 3)]));
    work(server);
    expect(server.disk.all().map((each) => each.term)).toEqual([1, 1, 1, 1, 3]);
  });

  it("drops entries only in a term in which it has acknowledged none", () => {
    // given a leader of this term, who knows that entries 1 and 2 are on this disk
    const server = start([1, 2], TERM);
    server.core.step({
      kind: "append-request",
      from: C,
      to: A,
      term: term(TERM),
      prevLogIndex: logIndex(2),
      prevLogTerm: term(2),
      entries: [],
      leaderCommit: logIndex(0),
    });
    expect(work(server)).toMatchObject([{ kind: "append-response", result: { matchIndex: 2 } }]);
    // when entry 2 gives way to a voter's
    refused(server);
    server.core.step(answer(2, 2, conflict(2, 1)));
    server.core.step(answer(1, 1, [entry(2, 3)]));
    work(server);
    // then that leader can no longer tell it that 2 is committed
    server.core.step({ ...heartbeat, commit: logIndex(2) });
    expect(server.core.status()).toMatchObject({ term: TERM + 1, commit: 0 });
  });

  it("takes the configurations of what it adopts, and forgets those that gave way", () => {
    const config = (index: number, entryTerm: number, ids: (typeof A)[]): Entry => ({
      ...entry(index, entryTerm),
      kind: "membership",
      data: encodeMembership(membershipOf(ids)),
    });
    const server = start([1], TERM);
    refused(server);
    server.core.step(answer(1, 1, [config(2, 1, [A, B])]));
    work(server);
    expect(server.core.status().membership).toEqual(membershipOf([A, B]));
    refused(server);
    server.core.step(answer(2, 1, conflict(2, 0)));
    server.core.step(answer(0, 0, [entry(1, 1), entry(2, 2), config(3, 2, [A, B, C])]));
    work(server);
    expect(server.core.status()).toMatchObject({
      membership: membershipOf([A, B, C]),
      membershipIndex: 3,
    });
  });

  it.each<[string, Message[]]>([
    ["follows an entry that it does not have", [answer(2, 2, [entry(3, 3)])]],
    ["follows another entry than it asked for", [answer(1, 1, [entry(2, 3)])]],
    ["follows an entry of another term there", [answer(2, 0, [entry(3, 3)])]],
    ["is another server's", [{ ...answer(2, 1, [entry(3, 3)]), from: C }]],
    ["comes when it hears from a leader again", [heartbeat, answer(2, 1, [entry(3, 3)])]],
    ["holds nothing", [answer(2, 1, [])]],
    ["is of a former term", [{ ...answer(2, 1, [entry(3, 2)]), term: term(TERM - 1) }]],
    ["points to no entry before", [answer(2, 1, conflict(2, 1))]],
  ])("adopts nothing of an answer that %s", (_, messages) => {
    const server = start([1, 1], TERM);
    refused(server);
    for (const message of messages) server.core.step(message);
    work(server);
    expect(server.core.status()).toMatchObject({ lastIndex: 2, term: TERM });
  });

  it("stops where the answer could be no log of a server in that term", () => {
    const server = start([1, 1], TERM);
    refused(server);
    expect(() => server.core.step(answer(2, 1, [entry(3, TERM + 1)]))).toThrow("out of order");
  });

  it("gives up a log of which too much would have to be kept aside", () => {
    const server = start([1, 2], TERM, { maxCatchUpBytes: 60 });
    refused(server);
    server.core.step(answer(2, 2, conflict(2, 1)));
    work(server);
    server.core.step(answer(1, 1, [entry(2, 1)]));
    expect(work(server)).toMatchObject([{ kind: "catch-up-request", prevLogIndex: 2 }]);
    server.core.step(answer(2, 1, [entry(3, 1)]));
    expect(work(server)).toEqual([]);
  });

  it("does not campaign with what it adopted where a leader came meanwhile", () => {
    const server = start([1], TERM);
    refused(server);
    server.core.step(answer(1, 1, [entry(2, 1)]));
    const ready = server.core.ready();
    server.core.step(heartbeat);
    done(server, ready);
    expect(server.core.status()).toMatchObject({ role: "follower", leader: C, lastIndex: 2 });
  });

  it("does not campaign with what it adopted where it gave its vote meanwhile", () => {
    const server = start([1], TERM);
    refused(server);
    server.core.step(answer(1, 1, [entry(2, 1)]));
    const ready = server.core.ready();
    server.core.step({
      kind: "vote-request",
      from: C,
      to: A,
      term: term(TERM + 1),
      preVote: false,
      lastLogIndex: logIndex(9),
      lastLogTerm: term(TERM),
      transfer: false,
    });
    const messages = [...done(server, ready), ...work(server)];
    expect(messages).toMatchObject([{ kind: "vote-response", to: C, granted: true }]);
  });
});
