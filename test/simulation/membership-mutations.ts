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
    "    enter(state, leaveJoint(membership));\n",
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
    "if (!isNew) continue;",
    "if (index > 0) continue;",
  ),
  mutation(
    "leader-log.ts",
    "believes of a server that was removed and comes back what it knew before",
    "known === undefined || known.departsAt !== undefined;",
    "known === undefined;",
  ),
  mutation(
    "leader-log.ts",
    "takes an answer of a former membership for one of the member that it is now",
    "return progress?.admittedAt === admittedAt ? progress : undefined;",
    "return progress;",
  ),
  mutation(
    "leader-log.ts",
    "counts a member that it added as a voter that has had a whole period to answer",
    "progress.isNewcomer = true;",
    "",
  ),
  mutation(
    "tick.ts",
    "waits for the first answer of a member that it added for ever",
    "      progress.isNewcomer = false;\n",
    "",
  ),
  mutation(
    "append-entries.ts",
    "does not say as which member it acknowledges",
    "    admittedAt,\n    result,",
    "    result,",
  ),
  mutation(
    "membership-change.ts",
    "lets a read wait for an answer although those that decide now have all answered",
    "  maybeConfirmReads(state);\n",
    "",
  ),
  mutation(
    "membership-change.ts",
    "starts a change before it has committed an entry of its own term",
    '  if (log.commit < leadership.termStart) return refuse("term-not-committed");\n',
    "",
  ),
];
