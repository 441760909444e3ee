import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { MAX_OUTSTANDING_KEEPALIVES, WorkerLease } from "../../src/worker/lease.js";

describe("WorkerLease", () => {
  test("is not held before the first grant", () => {
    const lease = new WorkerLease();
    lease.sent(1, 1_000);
    expect(lease.isHeld(1_000)).toBe(false);
    expect(lease.expiresAtMs()).toBe(Number.NEGATIVE_INFINITY);
  });

  test("runs from when the keepalive was sent, not from when the answer came", () => {
    const lease = new WorkerLease();
    lease.sent(1, 1_000);
    expect(lease.granted(1, 600)).toBe(true);
    expect(lease.expiresAtMs()).toBe(1_600);
    expect(lease.isHeld(1_599)).toBe(true);
    expect(lease.isHeld(1_600)).toBe(false);
  });

  test("is not prolonged by a second answer to the same keepalive, nor by an unknown one", () => {
    const lease = new WorkerLease();
    lease.sent(1, 1_000);
    lease.granted(1, 600);
    expect(lease.granted(1, 9_000)).toBe(false);
    expect(lease.granted(99, 9_000)).toBe(false);
    expect(lease.expiresAtMs()).toBe(1_600);
  });

  test("is not shortened by an answer that was overtaken", () => {
    const lease = new WorkerLease();
    lease.sent(1, 1_000);
    lease.sent(2, 1_200);
    lease.granted(2, 600);
    expect(lease.granted(1, 600)).toBe(false);
    expect(lease.expiresAtMs()).toBe(1_800);
  });

  test("is over at once when revoked, and late grants do not bring it back", () => {
    const lease = new WorkerLease();
    lease.sent(1, 1_000);
    lease.granted(1, 600);
    lease.sent(2, 1_100);
    lease.revoke();
    expect(lease.isHeld(1_001)).toBe(false);
    expect(lease.granted(2, 600)).toBe(false);
    expect(lease.isHeld(1_101)).toBe(false);
  });

  test("forgets the oldest keepalives when none is answered", () => {
    const lease = new WorkerLease();
    for (let sequence = 1; sequence <= MAX_OUTSTANDING_KEEPALIVES + 1; sequence += 1) {
      lease.sent(sequence, sequence);
    }
    expect(lease.granted(1, 600)).toBe(false);
    expect(lease.granted(2, 600)).toBe(true);
  });

  test("never outlasts the lease as the leader counts it, whatever the delays", () => {
    const keepalives = fc.array(
      fc.record({ gapMs: fc.nat(500), thereMs: fc.nat(2_000), backMs: fc.nat(2_000) }),
      { minLength: 1, maxLength: 50 },
    );
    fc.assert(
      fc.property(keepalives, (plan) => {
        // given keepalives that take any time to the leader and back, answers overtaking each other
        const lease = new WorkerLease();
        const leaseMs = 600;
        let nowMs = 0;
        const answers = plan.map(({ gapMs, thereMs, backMs }, index) => {
          nowMs += gapMs;
          lease.sent(index + 1, nowMs);
          const grantedAtMs = nowMs + thereMs;
          return { sequence: index + 1, grantedAtMs, arrivesAtMs: grantedAtMs + backMs };
        });
        answers.sort((a, b) => a.arrivesAtMs - b.arrivesAtMs);
        let leaderUntilMs = Number.NEGATIVE_INFINITY;
        for (const answer of answers) {
          // when each answer comes
          lease.granted(answer.sequence, leaseMs);
          leaderUntilMs = Math.max(leaderUntilMs, answer.grantedAtMs + leaseMs);
          // then the node gives up no later than the leader may
          expect(lease.expiresAtMs()).toBeLessThanOrEqual(leaderUntilMs);
        }
      }),
      { numRuns: 200 },
    );
  });
});
