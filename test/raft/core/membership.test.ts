// Configurations: how they are written, how a change is made of them, and how the log carries them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeMembership,
  encodeMembership,
  InvariantViolation,
  logIndex,
  nodeId,
  term,
} from "../../../src/raft/core/index.js";
import { MembershipLog } from "../../../src/raft/core/membership-log.js";
import { changeMembership, leaveJoint } from "../../../src/raft/core/membership-change.js";
import { membershipOf } from "../../support/raft-scenario-cluster.js";
import type { Entry, MemberChange, Membership } from "../../../src/raft/core/index.js";

const ids = (names: string) => names.split("").map(nodeId);
const member = (name: string) => ({ id: nodeId(name), address: `host-${name}` });

function names(membership: Membership): string {
  const list = (members: Membership["voters"]) => members.map(({ id }) => id).join("");
  const { voters, outgoing, learners, learnersNext } = membership;
  return [voters, outgoing, learners, learnersNext].map(list).join("|");
}

function entry(index: number, membership: Membership): Entry {
  return {
    index: logIndex(index),
    term: term(1),
    kind: "membership",
    data: encodeMembership(membership),
  };
}

describe("a configuration", () => {
  it("is read back as it was written", () => {
    const members = fc.array(fc.record({ id: fc.string().map(nodeId), address: fc.string() }));
    fc.assert(
      fc.property(
        members,
        members,
        members,
        members,
        (voters, outgoing, learners, learnersNext) => {
          const membership = { voters, outgoing, learners, learnersNext };
          expect(decodeMembership(encodeMembership(membership))).toEqual(membership);
        },
      ),
    );
  });

  it.each(["", "{}", '{"version":2}', '{"version":1,"voters":[["a"]]}', "null", "\xff"])(
    "is not read from %j",
    (text) => {
      expect(() => decodeMembership(new TextEncoder().encode(text))).toThrow(InvariantViolation);
    },
  );
});

describe("a change", () => {
  const from = membershipOf(ids("ABC"), ids("L"));
  const add = (name: string): MemberChange => ({ kind: "add-voter", member: member(name) });
  const learn = (name: string): MemberChange => ({ kind: "add-learner", member: member(name) });
  const remove = (name: string): MemberChange => ({ kind: "remove", id: nodeId(name) });

  it.each<[string, MemberChange[], string]>([
    ["a voter more", [add("D")], "ABCD|ABC|L|"],
    ["a promoted learner", [add("L")], "ABCL|ABC||"],
    ["a voter less", [remove("A")], "BC|ABC|L|"],
    ["a demoted voter", [learn("B")], "AC|ABC|L|B"],
    ["several at once", [add("D"), add("L"), remove("A"), learn("B")], "CDL|ABC||B"],
    ["a learner more, which needs no joint step", [learn("M")], "ABC||LM|"],
    ["a learner less", [remove("L")], "ABC|||"],
  ])("makes %s", (_, changes, expected) => {
    const changed = changeMembership(from, changes);
    expect(typeof changed === "string" ? changed : names(changed)).toBe(expected);
  });

  it("of an address alone needs no joint step", () => {
    const moved = { id: nodeId("B"), address: "elsewhere" };
    const changed = changeMembership(from, [{ kind: "add-voter", member: moved }]);
    expect(typeof changed === "string" ? changed : changed.voters[1]).toEqual(moved);
    expect(typeof changed === "string" ? changed : changed.outgoing).toEqual([]);
  });

  it("is left with the demoted voters as learners", () => {
    const joint = changeMembership(from, [learn("B")]);
    expect(typeof joint === "string" ? joint : names(leaveJoint(joint))).toBe("AC||LB|");
  });
});

describe("the configurations of a log", () => {
  const [one, two, three] = [ids("A"), ids("AB"), ids("ABC")].map((voters) => membershipOf(voters));

  function filled(): MembershipLog {
    if (one === undefined || two === undefined || three === undefined)
      throw new Error("unreachable");
    const log = new MembershipLog(one, logIndex(0));
    log.append([entry(3, two), entry(7, three)]);
    return log;
  }

  it("has the last one in force, committed or not", () => {
    expect(filled().current).toMatchObject({ index: 7, membership: three });
  });

  it("goes back to the one before when the entry is dropped", () => {
    const log = filled();
    expect(log.truncateFrom(logIndex(8))).toBe(false);
    expect(log.truncateFrom(logIndex(7))).toBe(true);
    expect(log.current).toMatchObject({ index: 3, membership: two });
  });

  it("knows which one was in force at an index, for a snapshot there", () => {
    const log = filled();
    expect(log.at(logIndex(2))).toEqual(one);
    expect(log.at(logIndex(6))).toEqual(two);
    log.compactTo(logIndex(5));
    expect(log.at(logIndex(2))).toBeUndefined();
    expect(log.at(logIndex(6))).toEqual(two);
  });
});
