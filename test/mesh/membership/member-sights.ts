// Members as the leader sees them, for tests: well unless something else is said.
import type { MemberSight, MembershipRules } from "../../../src/mesh/membership/membership-plan.js";

export const RULES: MembershipRules = {
  voters: 3,
  steadyMs: 1_000,
  replaceVoterAfterMs: 30_000,
  removeLearnerAfterMs: 300_000,
};

export const LONG_MS = 3_600_000;

function member(id: string, more: Partial<MemberSight> = {}): MemberSight {
  return {
    id,
    address: `${id}:1`,
    voter: true,
    alive: true,
    aliveForMs: LONG_MS,
    silentForMs: 0,
    caughtUp: true,
    draining: false,
    registered: true,
    saysAddress: undefined,
    lostState: false,
    ...more,
  };
}

export const voter = (id: string, more: Partial<MemberSight> = {}): MemberSight => member(id, more);
export const learner = (id: string, more: Partial<MemberSight> = {}): MemberSight =>
  member(id, { voter: false, ...more });
