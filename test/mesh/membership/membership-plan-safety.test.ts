// Whatever the leader sees, no change of the membership is ever picked that could cost the mesh its
// quorum, and the changes come to an end.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type MemberSight,
  type MembershipSight,
  planMembership,
  votersAfter,
} from "../../../src/mesh/membership/membership-plan.js";
import { changeMembership } from "../../../src/raft/core/membership-change.js";
import { nodeId } from "../../../src/raft/index.js";
import { learner, RULES } from "./member-sights.js";

describe("whatever the leader sees", () => {
  const flag = fc.boolean();
  const ms = fc.constantFrom(0, 500, 5_000, 31_000, 400_000);
  const someMember = fc.record({
    voter: flag,
    alive: flag,
    span: ms,
    caughtUp: flag,
    draining: flag,
    registered: flag,
    moved: flag,
    lostState: flag,
  });
  const sights = fc
    .tuple(
      fc.array(someMember, { minLength: 1, maxLength: 9 }),
      fc.constantFrom(1, 3, 5, 7),
      fc.boolean(),
    )
    .map(([drawn, voters, hasStranger]) => {
      const members = drawn.map(({ span, moved, ...one }, at): MemberSight => {
        const leads = at === 0;
        const alive = leads || one.alive;
        return {
          id: `n${at + 1}`,
          address: `n${at + 1}:1`,
          ...one,
          voter: leads || one.voter,
          alive,
          aliveForMs: leads ? Infinity : alive ? span : 0,
          silentForMs: alive ? 0 : span,
          lostState: !leads && one.lostState,
          saysAddress: moved ? "elsewhere:1" : undefined,
        };
      });
      const strangers = hasStranger ? [{ id: "n99", address: "n99:1" }] : [];
      const sight: MembershipSight = { leaderId: "n1", members, strangers };
      return { sight, rules: { ...RULES, voters } };
    });

  test("a change of voters has a living majority before and after, and keeps the leader", () => {
    fc.assert(
      fc.property(sights, ({ sight, rules }) => {
        const step = planMembership(sight, rules);
        if (step === undefined) return;
        const byId = new Map(sight.members.map((one) => [one.id, one]));
        const before = sight.members.flatMap(({ id, voter: votes }) => (votes ? [id] : []));
        const after = votersAfter(before, step.changes);
        const same = after.length === before.length && before.every((id) => after.includes(id));
        if (same) return;
        const alive = (ids: readonly string[]) =>
          ids.filter((id) => {
            const one = byId.get(id);
            return one?.alive === true && one.aliveForMs >= rules.steadyMs;
          });
        expect(2 * alive(before).length).toBeGreaterThan(before.length);
        expect(2 * alive(after).length).toBeGreaterThan(after.length);
        expect(after).toContain("n1");
        // At most one leaves and one comes: no more is risked than one node at a time.
        expect(before.filter((id) => !after.includes(id)).length).toBeLessThanOrEqual(1);
        const added = after.filter((id) => !before.includes(id));
        expect(added.length).toBeLessThanOrEqual(1);
        for (const id of added) {
          expect(byId.get(id)).toMatchObject({
            alive: true,
            caughtUp: true,
            draining: false,
            lostState: false,
          });
        }
        const staying = after.filter((id) => byId.get(id)?.draining !== true);
        if (added.length > 0) expect(staying.length).toBeLessThanOrEqual(rules.voters);
      }),
      { numRuns: 3_000 },
    );
  });

  test("Raft takes the change as it is", () => {
    fc.assert(
      fc.property(sights, ({ sight, rules }) => {
        const step = planMembership(sight, rules);
        if (step === undefined) return;
        const of = (votes: boolean) =>
          sight.members
            .filter((one) => one.voter === votes)
            .map(({ id, address }) => ({ id: nodeId(id), address }));
        const membership = {
          voters: of(true),
          outgoing: [],
          learners: of(false),
          learnersNext: [],
        };
        expect(typeof changeMembership(membership, step.changes)).not.toBe("string");
      }),
      { numRuns: 1_000 },
    );
  });

  test("steps come to an end: followed one after the other, nothing is left to do", () => {
    fc.assert(
      fc.property(sights, ({ sight, rules }) => {
        let { members, strangers } = sight;
        for (let steps = 0; ; steps += 1) {
          expect(steps).toBeLessThan(40);
          const step = planMembership({ leaderId: "n1", members, strangers }, rules);
          if (step === undefined) return;
          const voters = new Set(
            votersAfter(
              members.flatMap(({ id, voter: votes }) => (votes ? [id] : [])),
              step.changes,
            ),
          );
          for (const change of step.changes) {
            if (change.kind === "remove") {
              members = members.filter(({ id }) => id !== change.id);
              continue;
            }
            const { id, address } = change.member;
            strangers = strangers.filter((one) => one.id !== id);
            if (!members.some((one) => one.id === id)) {
              members = [...members, learner(id, { aliveForMs: 0, alive: false })];
            }
            members = members.map((one) => (one.id === id ? { ...one, address } : one));
          }
          members = members.map((one) => ({ ...one, voter: voters.has(one.id) }));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
