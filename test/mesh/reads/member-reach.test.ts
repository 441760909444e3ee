// Which signs make a member unreachable in the eyes of a node.
import { expect, test } from "vitest";
import { isReachable, type MemberSigns } from "../../../src/mesh/reads/member-reach.js";

const well: MemberSigns = {
  isSelf: false,
  recentActive: true,
  isConnected: true,
  worker: { connected: true, silent: false },
};

test.each<[string, Partial<MemberSigns>, boolean]>([
  ["one that answers is reachable", {}, true],
  ["a leader has just begun to count answers anew", { recentActive: false }, true],
  ["a new leader's workers are not attached yet", { recentActive: false, worker: undefined }, true],
  ["a node that does not lead goes by the connection", { recentActive: undefined }, true],
  [
    "the node itself needs no sign",
    { isSelf: true, recentActive: false, isConnected: false },
    true,
  ],
  ["no connection, no answer", { recentActive: false, isConnected: false }, false],
  [
    "a frozen process keeps its connection and lets its lease run out",
    { recentActive: false, worker: { connected: true, silent: true } },
    false,
  ],
  [
    "a worker whose stream has ended",
    { recentActive: false, worker: { connected: false, silent: false } },
    false,
  ],
])("%s", (_what, signs, expected) => {
  expect(isReachable({ ...well, ...signs })).toBe(expected);
});
