// A candidate that was refused for its log, and the voter that has the better one, message by message:
// what is adopted, when, and what that does not count for.
import { describe, expect, it } from "vitest";
import {
  encodeMembership,
  logIndex,
  nodeId,
  RaftCore,
  term,
} from "../../../src/raft/core/index.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import { ScenarioDisk } from "../../support/raft-scenario-disk.js";
import type {
  CatchUpResponse,
  Entry,
  Message,
  RaftCoreOptions,
  Ready,
} from "../../../src/raft/core/index.js";

const [A, B, C] = [nodeId("A"), nodeId("B"), nodeId("C")];
const TERM = 3;

interface Server {
  readonly core: RaftCore;
  readonly disk: ScenarioDisk;
}

/** A in term 3, with a log of these terms. */
function start(terms: readonly number[], options: Partial<RaftCoreOptions> = {}): Server {
  const disk = new ScenarioDisk();
  disk.prepare(terms.map(term), term(TERM), undefined);
  const core = new RaftCore({
    id: A,
    log: disk,
    hardState: disk.hardState,
    membership: membershipOf([A, B, C]),
    applied: logIndex(0),
    random: () => 0,
    ...options,
  });
  return { core, disk };
}

/** Does all work there is; returns the messages that left. */
function work({ core, disk }: Server): readonly Message[] {
  const messages: Message[] = [];
  while (core.hasReady()) messages.push(...done({ core, disk }, core.ready()));
  return messages;
}

function done({ core, disk }: Server, { messages, write }: Ready): readonly Message[] {
  if (write === undefined) return messages;
  disk.write(write);
  core.persisted(write.sequence);
  return [...messages, ...write.messagesAfter];
}

function entry(index: number, entryTerm: number): Entry {
  const data = new TextEncoder().encode(`${entryTerm}.${index}`);
  return { index: logIndex(index), term: term(entryTerm), kind: "command", data };
}

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
    const server = start([1, 1]);
    expect(refused(server)).toMatchObject([
      { kind: "catch-up-request", to: B, term: TERM, prevLogIndex: 2, prevLogTerm: 1 },
    ]);
  });

  it("asks nobody where that is turned off", () => {
    expect(refused(start([1, 1], { catchUp: false }))).toEqual([]);
  });

  it("neither acknowledges nor commits what it adopts", () => {
    const server = start([1]);
    refused(server);
    server.core.step(answer(1, 1, [entry(2, 1), entry(3, 2)]));
    const messages = work(server);
    expect(server.disk.all().map((each) => each.term)).toEqual([1, 1, 2]);
    expect(server.core.status()).toMatchObject({ commit: 0, lastIndex: 3, term: TERM });
    expect(new Set(messages.map(({ kind }) => kind))).toEqual(new Set(["vote-request"]));
  });

  it("asks for votes with what it adopted once that is on its disk", () => {
    const server = start([1]);
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

  it("adopts nothing before it ends more up to date than the own log", () => {
    const server = start([1, 2, 2]);
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
    const server = start([1, 2]);
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
    const server = start([1]);
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
    ["is another server's", [{ ...answer(2, 1, [entry(3, 3)]), from: C }]],
    ["comes when it hears from a leader again", [heartbeat, answer(2, 1, [entry(3, 3)])]],
    ["holds nothing", [answer(2, 1, [])]],
    ["is of a former term", [{ ...answer(2, 1, [entry(3, 2)]), term: term(TERM - 1) }]],
    ["points to no entry before", [answer(2, 1, conflict(2, 1))]],
  ])("adopts nothing of an answer that %s", (_, messages) => {
    const server = start([1, 1]);
    refused(server);
    for (const message of messages) server.core.step(message);
    work(server);
    expect(server.core.status()).toMatchObject({ lastIndex: 2, term: TERM });
  });

  it("stops where the answer could be no log of a server in that term", () => {
    const server = start([1, 1]);
    refused(server);
    expect(() => server.core.step(answer(2, 1, [entry(3, TERM + 1)]))).toThrow("out of order");
  });

  it("gives up a log of which too much would have to be kept aside", () => {
    const server = start([1, 2], { maxCatchUpBytes: 60 });
    refused(server);
    server.core.step(answer(2, 2, conflict(2, 1)));
    work(server);
    server.core.step(answer(1, 1, [entry(2, 1)]));
    expect(work(server)).toMatchObject([{ kind: "catch-up-request", prevLogIndex: 2 }]);
    server.core.step(answer(2, 1, [entry(3, 1)]));
    expect(work(server)).toEqual([]);
  });

  it("does not campaign with what it adopted where it gave its vote meanwhile", () => {
    const server = start([1]);
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

describe("a voter", () => {
  const request: Message = {
    kind: "catch-up-request",
    from: B,
    to: A,
    term: term(TERM),
    prevLogIndex: logIndex(1),
    prevLogTerm: term(1),
  };
  const preVote: Message = {
    kind: "vote-request",
    from: B,
    to: A,
    term: term(TERM + 1),
    preVote: true,
    lastLogIndex: logIndex(1),
    lastLogTerm: term(1),
    transfer: false,
  };

  it("offers its log to a candidate whose log is behind, and sends what follows", () => {
    const server = start([1, 2]);
    server.core.step(preVote);
    server.core.step(request);
    expect(work(server)).toMatchObject([
      { kind: "vote-response", granted: false, offersLog: true },
      { kind: "catch-up-response", to: B, result: { entries: [{ index: 2, term: 2 }] } },
    ]);
  });

  it("offers nothing to a candidate whose log is as good", () => {
    const server = start([1]);
    server.core.step({ ...preVote, term: term(TERM) });
    expect(work(server)).toMatchObject([{ granted: false, offersLog: false }]);
  });

  it("neither offers nor sends its log while it knows a leader", () => {
    const server = start([1, 2]);
    server.core.step(heartbeat);
    work(server);
    server.core.step(preVote);
    server.core.step(request);
    server.core.step({ ...request, term: term(TERM + 1) });
    expect(work(server)).toMatchObject([{ kind: "vote-response", offersLog: false }]);
    expect(server.core.status()).toMatchObject({ term: TERM, leader: C });
  });

  it("neither offers nor sends its log while a snapshot takes its place", () => {
    const server = start([1, 2], { preVote: false, checkQuorum: false });
    const data = new Uint8Array(4);
    const membership = membershipOf([A, B, C]);
    server.core.step({
      kind: "snapshot-chunk",
      from: C,
      to: A,
      term: term(TERM),
      meta: { index: logIndex(9), term: term(3), membership, sizeBytes: 4, checksum: 0 },
      offset: 0,
      data,
      done: true,
    });
    server.core.ready();
    server.core.step({ ...request, term: term(TERM + 1) });
    server.core.step({ ...preVote, term: term(TERM + 2) });
    expect(server.core.ready().messages).toMatchObject([{ offersLog: false }]);
  });

  it("points a candidate to where its log may match", () => {
    const server = start([1, 1, 3]);
    server.core.step({ ...request, prevLogIndex: logIndex(7), prevLogTerm: term(2) });
    server.core.step({ ...request, prevLogIndex: logIndex(1), prevLogTerm: term(0) });
    expect(work(server)).toMatchObject([
      { result: { kind: "conflict", hintIndex: 2, hintTerm: 1 } },
      { result: { kind: "conflict", hintIndex: 0, hintTerm: 0 } },
    ]);
  });
});
