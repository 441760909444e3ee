// A voter that refuses a candidate for its log: when it offers its own, and what it sends.
import { describe, expect, it } from "vitest";
import { logIndex, term } from "../../../src/raft/core/index.js";
import { A, B, C, start, work } from "../../support/raft-lone-server.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import type { Message } from "../../../src/raft/core/index.js";

const TERM = 3;

const heartbeat: Message = {
  kind: "heartbeat",
  from: C,
  to: A,
  term: term(TERM),
  commit: logIndex(0),
  readRound: 0,
};

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
    const server = start([1, 2], TERM);
    server.core.step(preVote);
    server.core.step(request);
    expect(work(server)).toMatchObject([
      { kind: "vote-response", granted: false, offersLog: true },
      { kind: "catch-up-response", to: B, result: { entries: [{ index: 2, term: 2 }] } },
    ]);
  });

  it("offers nothing to a candidate whose log is as good", () => {
    const server = start([1], TERM);
    server.core.step({ ...preVote, term: term(TERM) });
    expect(work(server)).toMatchObject([{ granted: false, offersLog: false }]);
  });

  it("neither offers nor sends its log while it knows a leader", () => {
    const server = start([1, 2], TERM);
    server.core.step(heartbeat);
    work(server);
    server.core.step(preVote);
    server.core.step(request);
    server.core.step({ ...request, term: term(TERM + 1) });
    expect(work(server)).toMatchObject([{ kind: "vote-response", offersLog: false }]);
    expect(server.core.status()).toMatchObject({ term: TERM, leader: C });
  });

  it("neither offers nor sends its log while a snapshot takes its place", () => {
    const server = start([1, 2], TERM, { preVote: false, checkQuorum: false });
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
    const server = start([1, 1, 3], TERM);
    server.core.step({ ...request, prevLogIndex: logIndex(7), prevLogTerm: term(2) });
    server.core.step({ ...request, prevLogIndex: logIndex(1), prevLogTerm: term(0) });
    expect(work(server)).toMatchObject([
      { result: { kind: "conflict", hintIndex: 2, hintTerm: 1 } },
      { result: { kind: "conflict", hintIndex: 0, hintTerm: 0 } },
    ]);
  });
});
