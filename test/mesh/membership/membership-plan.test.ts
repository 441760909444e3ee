// Which change of the membership is due: one picture after the other, and the step that follows.
import { describe, expect, test } from "vitest";
import {
  type MemberSight,
  type MembershipRules,
  planMembership,
  type Stranger,
} from "../../../src/mesh/membership/membership-plan.js";
import { learner, LONG_MS, RULES, voter } from "./member-sights.js";

const DEAD = { alive: false, aliveForMs: 0, silentForMs: LONG_MS, registered: false } as const;
const DRAINING = { draining: true } as const;
const LOST = { ...DEAD, silentForMs: 5_000, lostState: true } as const;

/** "reason: +voter ~learner -removed", or "none". */
function planned(
  members: readonly MemberSight[],
  strangers: readonly Stranger[] = [],
  rules: MembershipRules = RULES,
): string {
  const step = planMembership({ leaderId: "n1", members, strangers }, rules);
  if (step === undefined) return "none";
  const words = step.changes.map((change) => {
    if (change.kind === "remove") return `-${change.id}`;
    return `${change.kind === "add-voter" ? "+" : "~"}${change.member.id}`;
  });
  return `${step.reason}: ${words.join(" ")}`;
}

describe("the next change of the membership", () => {
  const three = [voter("n1"), voter("n2"), voter("n3")];
  const stranger = { id: "n9", address: "n9:1" };
  const cases: readonly [
    string,
    string,
    readonly MemberSight[],
    (readonly Stranger[])?,
    MembershipRules?,
  ][] = [
    ["nothing where all is well", "none", three],
    ["strangers become learners at once", "joined: ~n9", three, [stranger]],
    [
      "a learner fills up the voters",
      "voters-missing: +n3",
      [voter("n1"), voter("n2"), learner("n3")],
    ],
    [
      "the longest reachable learner goes first",
      "voters-missing: +n4",
      [voter("n1"), learner("n3", { aliveForMs: 5_000 }), learner("n4")],
    ],
    ["not past the configured number", "none", [...three, learner("n4")]],
    [
      "not one that is behind",
      "none",
      [voter("n1"), voter("n2"), learner("n3", { caughtUp: false })],
    ],
    [
      "not one that is reachable only since a moment ago",
      "none",
      [voter("n1"), voter("n2"), learner("n3", { aliveForMs: 900 })],
    ],
    ["not one that is to leave", "none", [voter("n1"), voter("n2"), learner("n3", DRAINING)]],
    [
      "not one that does not answer",
      "none",
      [voter("n1"), voter("n2"), learner("n3", { ...DEAD, silentForMs: 5_000 })],
    ],
    [
      "not where a majority of the voters does not answer",
      "none",
      [voter("n1"), voter("n2", { ...DEAD, silentForMs: 1_000 }), learner("n3")],
    ],
    [
      "a dead voter gives its vote to a learner in one step",
      "voter-dead: -n3 +n4",
      [voter("n1"), voter("n2"), voter("n3", DEAD), learner("n4")],
    ],
    [
      "a voter that is away for as long as a restart takes stays",
      "none",
      [voter("n1"), voter("n2"), voter("n3", { ...DEAD, silentForMs: 10_000 }), learner("n4")],
    ],
    [
      "a dead voter stays where no learner is there",
      "none",
      [voter("n1"), voter("n2"), voter("n3", DEAD)],
    ],
    [
      "of two dead voters of five one at a time, the longest dead first",
      "voter-dead: -n5 +n6",
      [
        voter("n1"),
        voter("n2"),
        voter("n3"),
        voter("n4", { ...DEAD, silentForMs: 40_000 }),
        voter("n5", DEAD),
        learner("n6"),
      ],
      [],
      { ...RULES, voters: 5 },
    ],
    [
      "nothing where the quorum is lost",
      "none",
      [voter("n1"), voter("n2", DEAD), voter("n3", DEAD), learner("n4"), learner("n5")],
    ],
    [
      "a drained voter becomes a learner, and a learner a voter, in one step",
      "drained: ~n2 +n4",
      [voter("n1"), voter("n2", DRAINING), voter("n3"), learner("n4")],
    ],
    [
      "a drained voter that nobody can replace shrinks the voters",
      "drained: ~n2",
      [voter("n1"), voter("n2", DRAINING), voter("n3")],
    ],
    [
      "a drained voter that a learner can replace soon votes until then",
      "none",
      [voter("n1"), voter("n2", DRAINING), voter("n3"), learner("n4", { aliveForMs: 200 })],
    ],
    [
      "a drained voter votes until it is known whether the learner answers",
      "none",
      [voter("n1"), voter("n2", DRAINING), voter("n3"), learner("n4", { ...DEAD, silentForMs: 0 })],
    ],
    [
      "nothing about who votes by a leader that has only just heard of the others",
      "none",
      [voter("n1"), voter("n2", DRAINING), voter("n3", { aliveForMs: 300 })],
    ],
    [
      "a drained voter stays while its vote is needed",
      "none",
      [voter("n1"), voter("n2", DRAINING), voter("n3", DEAD)],
    ],
    [
      "a drained leader stays until it has handed over",
      "none",
      [voter("n1", DRAINING), voter("n2"), voter("n3")],
    ],
    [
      "a drained leader that nobody could follow gets a voter first",
      "voters-missing: +n2",
      [voter("n1", DRAINING), learner("n2")],
    ],
    [
      "a drained learner is removed when its process has ended",
      "learner-gone: -n4",
      [...three, learner("n4", { ...DRAINING, ...DEAD, silentForMs: 2_000 })],
    ],
    [
      "a drained learner that is only out of reach stays",
      "none",
      [...three, learner("n4", { ...DRAINING, ...DEAD, registered: true })],
    ],
    [
      "a learner that is long gone is removed",
      "learner-gone: -n4",
      [...three, learner("n4", DEAD)],
    ],
    [
      "a voter that lost its log leaves at once, and a learner takes its place",
      "state-lost: -n3 +n4",
      [voter("n1"), voter("n2"), voter("n3", LOST), learner("n4")],
    ],
    [
      "a voter that lost its log leaves without a learner, too",
      "state-lost: -n3",
      [voter("n1"), voter("n2"), voter("n3", LOST)],
    ],
    [
      "a voter that lost its log stays where only its vote made a quorum",
      "none",
      [voter("n1"), voter("n2", LOST)],
    ],
    [
      "a name under which a process still answers is not given away",
      "none",
      [voter("n1"), voter("n2"), voter("n3", { lostState: true })],
    ],
    ["a learner that lost its log leaves", "state-lost: -n4", [...three, learner("n4", LOST)]],
    [
      "a new address is put into the membership",
      "address-changed: +n2",
      [voter("n1"), voter("n2", { saysAddress: "elsewhere:1" }), voter("n3")],
    ],
    [
      "past the configured number a follower gives up its vote, a dead one first",
      "voters-surplus: ~n2",
      [
        ...three.slice(0, 1),
        voter("n2", { ...DEAD, silentForMs: 5_000 }),
        voter("n3"),
        voter("n4"),
      ],
    ],
    [
      "past the configured number nobody takes the place of a dead one",
      "voters-surplus: ~n4",
      [...three, voter("n4", DEAD), learner("n5")],
    ],
  ];

  test.each(cases)("%s", (_, expected, members, strangers, rules) => {
    expect(planned(members, strangers, rules)).toBe(expected);
  });
});
