// Deliberate bugs in the core, each of which the core's tests or the simulator must catch. The text
// to replace must occur exactly once in its file: where it does not, this list is stale.
import { CATCH_UP_MUTATIONS } from "./catch-up-mutations.js";
import { ELECTION_MUTATIONS } from "./election-mutations.js";
import { MEMBERSHIP_MUTATIONS } from "./membership-mutations.js";
import type { Mutation } from "./mutation.js";
import { REPLICATION_MUTATIONS } from "./replication-mutations.js";

export const MUTATIONS: readonly Mutation[] = [
  ...ELECTION_MUTATIONS,
  ...CATCH_UP_MUTATIONS,
  ...REPLICATION_MUTATIONS,
  ...MEMBERSHIP_MUTATIONS,
];
