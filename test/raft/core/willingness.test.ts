// A server that its leader would like to hand over to, and that nobody elects: it must not be asked again
// and again, since each time costs the cluster its leader.
import { expect, it } from "vitest";
import { logIndex, term } from "../../../src/raft/core/index.js";
import { A, B, C, elect, type Server, start, work } from "../../support/raft-lone-server.js";

const ELECTION_TICKS = 10;

/** What the server tells leader B of that term of its priority. */
function toldTo(server: Server, leaderTerm: number): number | undefined {
  server.core.step({
    kind: "heartbeat",
    from: B,
    to: A,
    term: term(leaderTerm),
    commit: logIndex(0),
    readRound: 0,
  });
  const told = work(server).flatMap((message) =>
    message.kind === "heartbeat-response" ? [message.leadershipPriority] : [],
  );
  return told.at(-1);
}

/** Leader B hands over in that term, and no vote arrives until B leads again. */
function failToTakeOver(server: Server, inTerm: number): void {
  server.core.step({ kind: "timeout-now", from: B, to: A, term: term(inTerm) });
  work(server);
  expect(server.core.status()).toMatchObject({ role: "candidate", term: inTerm + 1 });
}

/** Elapsed ticks of a follower until it says that it would like to lead. */
function ticksUntilWilling(server: Server, leaderTerm: number): number {
  let ticks = 0;
  while (toldTo(server, leaderTerm) === 0) {
    server.core.tick();
    ticks += 1;
  }
  return ticks;
}

it("declines for a while, and twice as long each further time", () => {
  const server = start([1], 1);
  expect(toldTo(server, 1)).toBe(10);
  failToTakeOver(server, 1);
  expect(toldTo(server, 3)).toBe(0);
  expect(ticksUntilWilling(server, 3)).toBe(64 * ELECTION_TICKS);
  failToTakeOver(server, 3);
  expect(ticksUntilWilling(server, 5)).toBe(128 * ELECTION_TICKS);
});

it("is willing again once it was elected", () => {
  const server = start([1], 1);
  failToTakeOver(server, 1);
  expect(toldTo(server, 3)).toBe(0);
  server.core.campaign();
  work(server);
  for (const preVote of [true, false]) {
    const vote = { from: B, to: A, term: term(4), preVote, granted: true, offersLog: false };
    server.core.step({ kind: "vote-response", ...vote });
    work(server);
  }
  expect(server.core.status()).toMatchObject({ role: "leader", term: 4 });
  expect(toldTo(server, 5)).toBe(10);
});

it("does not hold an election of its own against itself", () => {
  const server = start([1], 1);
  server.core.campaign();
  work(server);
  expect(toldTo(server, 2)).toBe(10);
});

it("is not handed over to while it lacks what is committed", () => {
  const server = start([], 0, { leadershipPriority: 5, electionTicks: ELECTION_TICKS });
  elect(server);
  const inTerm = { to: A, term: term(1) };
  const acknowledge = (from: typeof B, index: number) => {
    const result = { success: true, matchIndex: logIndex(index) } as const;
    server.core.step({ kind: "append-response", from, ...inTerm, result });
    work(server);
  };
  // given C, more willing, and behind
  acknowledge(B, 1);
  acknowledge(C, 1);
  server.core.propose([new Uint8Array(1)]);
  work(server);
  acknowledge(B, 2);
  const passTimeout = () => {
    for (let tick = 0; tick < ELECTION_TICKS; tick += 1) {
      for (const [from, leadershipPriority] of [[B, 5] as const, [C, 10] as const]) {
        const answer = { readRound: 0, leadershipPriority };
        server.core.step({ kind: "heartbeat-response", from, ...inTerm, ...answer });
      }
      server.core.tick();
      work(server);
    }
  };
  passTimeout();
  expect(server.core.status()).toMatchObject({ role: "leader", commit: 2 });
  expect(server.core.canPropose()).toBe(true);
  // until it has that
  acknowledge(C, 2);
  passTimeout();
  expect(server.core.canPropose()).toBe(false);
});
