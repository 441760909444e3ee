// Deliberate bugs in changes of the configuration.
import { type Mutation, mutation } from "./mutation.js";

export const MEMBERSHIP_MUTATIONS: readonly Mutation[] = [
  mutation(
    "membership-change.ts",
    "starts a change while one is under way",
    "if (index > log.commit || isJoint(membership)) return",
    "if (isJoint(membership) && index > log.lastIndex) return",
  ),
  mutation(
    "membership-change.ts",
    "swaps voters without a joint configuration",
    "    outgoing: from.voters,\n",
    "    outgoing: [],\n",
  ),
  mutation(
    "membership-change.ts",
    "leaves a joint configuration before it is committed",
    "if (index > state.log.commit) return;\n  if (isJoint(membership)) {",
    "if (isJoint(membership)) {",
  ),
  mutation(
    "membership-change.ts",
    "never leaves a joint configuration",
    '    appendAsLeader(state, "membership", [encodeMembership(leaveJoint(membership))]);\n',
    "",
  ),
  mutation(
    "membership-log.ts",
    "keeps a configuration whose entry was dropped",
    "this.#records = this.#records.filter((each) => each.index < index);",
    "",
  ),
  mutation(
    "membership-log.ts",
    "starts with the bootstrap configuration whatever the snapshot says",
    "snapshot?.membership ?? bootstrap,",
    "bootstrap,",
  ),
  mutation(
    "leader-log.ts",
    "does not replicate to servers that were added",
    "if (isNew) leadership.peers.set(id, newProgress(state));",
    "if (isNew) continue;",
  ),
  mutation(
    "leader-log.ts",
    "believes of a server that was removed and comes back what it knew before",
    "known === undefined || known.departsAt !== undefined;",
    "known === undefined;",
  ),
  mutation(
    "membership-change.ts",
    "starts a change before it has committed an entry of its own term",
    '  if (log.commit < leadership.termStart) return refuse("term-not-committed");\n',
    "",
  ),
];
