// Parts of two snapshots of one index, as two leaders took them, never make one.
import { expect, it } from "vitest";
import { logIndex, term } from "../../../src/raft/core/index.js";
import { A, B, C, start, work } from "../../support/raft-lone-server.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import type { Message } from "../../../src/raft/core/index.js";

const meta = {
  index: logIndex(10),
  term: term(1),
  membership: membershipOf([A, B, C]),
  sizeBytes: 8,
  checksum: 1,
};

it("begins anew where the next leader's snapshot is another one", () => {
  const server = start([1], 1);
  const half = { kind: "snapshot-chunk", to: A, data: new Uint8Array(4), done: false } as const;
  const first: Message = { ...half, from: B, term: term(1), meta, offset: 0 };
  server.core.step(first);
  work(server);

  const other = { ...meta, checksum: 2 };
  server.core.step({ ...half, from: C, term: term(2), meta: other, offset: 4, done: true });

  expect(work(server)).toMatchObject([
    { kind: "snapshot-response", to: C, result: { kind: "progress", nextOffset: 0 } },
  ]);
});

it("keeps a log that has the snapshot's last entry, and what it acknowledged behind that", () => {
  const server = start([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 1);
  const whole = { kind: "snapshot-chunk", to: A, data: new Uint8Array(8), done: true } as const;

  server.core.step({ ...whole, from: B, term: term(1), meta, offset: 0 });

  expect(work(server)).toMatchObject([
    { kind: "snapshot-response", to: B, result: { kind: "installed", matchIndex: 10 } },
  ]);
  expect(server.core.status()).toMatchObject({ commit: 10, lastIndex: 12 });
});
