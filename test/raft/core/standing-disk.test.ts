// A disk that takes a write and neither finishes it nor fails. Who leads with one commits by the others'
// disks, applies nothing itself, and so answers nobody.
import { expect, it } from "vitest";
import { logIndex, term } from "../../../src/raft/core/index.js";
import { A, B, C, done, elect, type Server, start, work } from "../../support/raft-lone-server.js";
import type { Message } from "../../../src/raft/core/index.js";

const ELECTION_TICKS = 10;
const ANSWERED = ["append-request", "heartbeat"] as const;

type Answered = readonly (typeof ANSWERED)[number][];

/** What B and C, of the highest priority, answer to messages of these kinds. */
function answer({ core }: Server, messages: readonly Message[], kinds: Answered = ANSWERED): void {
  for (const message of messages) {
    const envelope = { from: message.to, to: A, term: message.term };
    if (message.kind === "append-request" && kinds.includes(message.kind)) {
      const matchIndex = logIndex(message.prevLogIndex + message.entries.length);
      core.step({ kind: "append-response", ...envelope, result: { success: true, matchIndex } });
    } else if (message.kind === "heartbeat" && kinds.includes(message.kind)) {
      const { readRound } = message;
      core.step({ kind: "heartbeat-response", ...envelope, readRound, leadershipPriority: 10 });
    }
  }
}

/** A leads, with an entry that is committed. */
function startLeader(): Server {
  const server = start([], 0, { electionTicks: ELECTION_TICKS });
  elect(server);
  server.core.tick();
  for (let round = 0; round < 3; round += 1) answer(server, work(server));
  expect(server.core.status()).toMatchObject({ role: "leader", commit: 1, persistedIndex: 1 });
  server.core.propose([new Uint8Array(1)]);
  return server;
}

/** Time passes and no write of A ends; returns what A sends. */
function passTime(server: Server, ticks: number, kinds: Answered = ANSWERED): Message[] {
  const sent: Message[] = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    server.core.tick();
    while (server.core.hasReady()) {
      const { messages } = server.core.ready();
      sent.push(...messages);
      answer(server, messages, kinds);
    }
  }
  return sent;
}

const handsOver = (sent: readonly Message[]): boolean =>
  sent.some(({ kind }) => kind === "timeout-now");

it("a leader hands over where its own disk stands still", () => {
  const server = startLeader();

  const sent = passTime(server, 4 * ELECTION_TICKS);

  expect(server.core.status()).toMatchObject({ commit: 2, persistedIndex: 1, applied: 1 });
  expect(handsOver(sent)).toBe(true);
});

it("it leads on where the others acknowledge nothing either", () => {
  const server = startLeader();

  const sent = passTime(server, 4 * ELECTION_TICKS, ["heartbeat"]);

  expect(handsOver(sent)).toBe(false);
  expect(server.core.status().role).toBe("leader");
});

it("it leads on with a disk that is slow and gets on", () => {
  const server = startLeader();
  const sent: Message[] = [];
  for (let write = 0; write < 6; write += 1) {
    const ready = server.core.ready();
    expect(ready.write).toBeDefined();
    answer(server, ready.messages);
    sent.push(...passTime(server, ELECTION_TICKS), ...done(server, ready), ...work(server));
    server.core.propose([new Uint8Array(1)]);
  }

  expect(handsOver(sent)).toBe(false);
});

it("a follower rather does not lead until its disk gets on", () => {
  const server = start([1], 1);
  const told = (): number | undefined => {
    const heartbeat = { from: B, to: A, term: term(2), commit: logIndex(0), readRound: 0 };
    server.core.step({ kind: "heartbeat", ...heartbeat });
    const { messages } = server.core.ready();
    return messages.find((each) => each.kind === "heartbeat-response")?.leadershipPriority;
  };
  server.core.step({ kind: "vote-request", ...candidacy(C) });
  const { write } = server.core.ready();
  expect(told()).toBe(10);

  for (let tick = 0; tick < 4 * ELECTION_TICKS; tick += 1) server.core.tick();

  expect(told()).toBe(0);
  server.core.persisted(write?.sequence ?? 0);
  expect(told()).toBe(10);
});

function candidacy(from: typeof C) {
  const asked = { preVote: false, transfer: false };
  return { from, to: A, term: term(2), lastLogIndex: logIndex(0), lastLogTerm: term(0), ...asked };
}
