// Which answers to a trial election count for it.
import { expect, it } from "vitest";
import { term } from "../../../src/raft/core/index.js";
import { A, B, C, start, work } from "../../support/raft-lone-server.js";

it("a grant for an earlier term's trial does not count for this one", () => {
  const server = start([1], 1);
  server.core.campaign();
  const answer = { kind: "vote-response", to: A, preVote: true, offersLog: false } as const;
  // given a trial for term 2, and one for term 3 since another server is in term 2 already
  server.core.step({ ...answer, from: C, term: term(2), granted: false });
  server.core.campaign();
  work(server);
  // when B's grant of the first comes late
  server.core.step({ ...answer, from: B, term: term(2), granted: true });
  // then it is on trial still, until B grants this one
  expect(server.core.status()).toMatchObject({ role: "pre-candidate", term: 2 });
  server.core.step({ ...answer, from: B, term: term(3), granted: true });
  expect(server.core.status()).toMatchObject({ role: "candidate", term: 3 });
});
