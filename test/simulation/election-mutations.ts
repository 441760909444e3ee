// Deliberate bugs in elections, terms and transfers of leadership.
import { type Mutation, mutation } from "./mutation.js";

export const ELECTION_MUTATIONS: readonly Mutation[] = [
  mutation(
    "election.ts",
    "votes for candidates whose log is behind",
    "const granted = isComplete && (state.vote === message.from || isFree);",
    "const granted = state.vote === message.from || isFree;",
  ),
  mutation(
    "election.ts",
    "votes for several candidates in a term",
    "const isFree = state.vote === undefined && state.leader === undefined;",
    "const isFree = state.leader === undefined;",
  ),
  mutation(
    "election.ts",
    "lets a vote leave before it is on disk",
    "if (granted) state.outbox.sendAfterWrite(response);",
    "if (granted) state.outbox.send(response);",
  ),
  mutation(
    "election.ts",
    "asks for votes before the own one is on disk",
    "else outbox.sendAfterWrite(request);",
    "else outbox.send(request);",
  ),
  mutation(
    "election.ts",
    "counts pre-votes as votes",
    'if (state.role === "pre-candidate") campaign(state, false);',
    'if (state.role === "pre-candidate") { campaign(state, false); becomeLeader(state); }',
  ),
  mutation(
    "election.ts",
    "takes an answer to a pre-vote for one to the vote",
    'const awaited = message.preVote ? "pre-candidate" : "candidate";\n  if (state.role !== awaited) return;',
    'if (state.role === "follower" || state.role === "leader") return;',
  ),
  mutation(
    "election.ts",
    "grants pre-votes while it hears from its leader",
    "isNewTerm && isComplete && !standsByLeader(state)",
    "isNewTerm && isComplete",
  ),
  mutation(
    "election.ts",
    "never counts its own vote",
    'if (state.role === "candidate") recordVote(state, state.id, true);',
    "",
  ),
  mutation(
    "ready-batch.ts",
    "counts its own vote before it is on disk",
    "if (write.term === state.term && write.vote === state.id) countOwnVote(state);",
    "countOwnVote(state);",
  ),
  mutation("roles.ts", "keeps its vote into a new term", "    state.vote = undefined;\n", ""),
  mutation(
    "roles.ts",
    "stays in the old term as a candidate",
    "state.term = asTerm(state.term + 1);",
    "",
  ),
  mutation("roles.ts", "does not vote for itself", "state.vote = state.id;", ""),
  mutation(
    "roles.ts",
    "begins a term without a noop",
    '  appendAsLeader(state, "noop", [NOTHING]);\n',
    "",
  ),
  mutation(
    "roles.ts",
    "forgets to give reads up when it stops leading",
    "  giveUpReads(state);\n",
    "",
  ),
  mutation(
    "quorum/majority.ts",
    "takes half of the voters for a majority",
    "return Math.floor(voters / 2) + 1;",
    "return Math.ceil(voters / 2);",
  ),
  mutation(
    "quorum/joint.ts",
    "asks the incoming majority alone for votes",
    'return incoming === "won" && outgoing === "won" ? "won" : "pending";',
    'return incoming === "won" ? "won" : "pending";',
  ),
  mutation(
    "quorum/joint.ts",
    "commits with either majority of a joint configuration",
    "return Math.min(majorityIndex(quorum.incoming, reached), majorityIndex(quorum.outgoing, reached));",
    "return majorityIndex(quorum.incoming, reached);",
  ),
  mutation(
    "step.ts",
    "does not tell a deposed leader of the new term",
    '      state.outbox.send({\n        ...envelope,\n        kind: "heartbeat-response",\n        readRound: 0,\n        leadershipPriority: willingness(state),\n      });\n',
    "",
  ),
  mutation(
    "step.ts",
    "takes messages of former terms for new ones",
    "if (message.term < state.term) {",
    'if (message.term < state.term && message.kind !== "append-request") {',
  ),
  mutation(
    "tick.ts",
    "a leader never checks that it still has a quorum",
    "if (!hasQuorum(state, leadership)) {",
    "if (false as boolean) {",
  ),
  mutation(
    "tick.ts",
    "a leader takes time for shorter than it was",
    "leadership.quorumElapsed += Math.min(passed, state.config.electionTicks / 2);",
    "leadership.quorumElapsed += 1;",
  ),
  mutation(
    "tick.ts",
    "steps down before it reads the answers that came in while it stood still",
    "leadership.quorumElapsed += Math.min(passed, state.config.electionTicks / 2);",
    "leadership.quorumElapsed += passed;",
  ),
  mutation(
    "step.ts",
    "counts acknowledgements of a former term",
    "if (message.term < state.term) {",
    'if (message.term < state.term && message.kind !== "append-response") {',
  ),
  // Transfers.
  mutation(
    "leadership-transfer.ts",
    "never gives a transfer up",
    "    leadership.transfer = undefined;\n  }\n}\n\n/**\n * Hands over",
    "  }\n}\n\n/**\n * Hands over",
  ),
  mutation(
    "willingness.ts",
    "asks for the leadership again right after it was not elected",
    "const isDeclining = state.takeover.declinesForTicks > 0 || isDiskStanding(state);",
    "const isDeclining = isDiskStanding(state);",
  ),
  // A leader that is said to be gone.
  mutation(
    "leader-contact.ts",
    "deposes a leader that was said to be gone and lives",
    "    state.hastenedElections = 0;\n    resetElectionTimer(state);\n",
    "",
  ),
  mutation(
    "leader-contact.ts",
    "campaigns in haste because another follower is gone",
    " || state.leader !== peer) return;",
    ") return;",
  ),
  mutation(
    "leader-contact.ts",
    "stands by a leader that is gone",
    "  state.leaderContactElapsed = Infinity;\n",
    "",
  ),
  mutation(
    "roles.ts",
    "campaigns in haste for ever",
    "  state.hastenedElections = Math.max(0, state.hastenedElections - 1);\n",
    "",
  ),
  mutation(
    "willingness.ts",
    "never asks for the leadership again after it was once not elected",
    "if (takeover.declinesForTicks > 0) takeover.declinesForTicks -= 1;",
    "if (takeover.declinesForTicks < 0) takeover.declinesForTicks -= 1;",
  ),
  mutation(
    "election.ts",
    "counts a grant of an earlier trial",
    "  if (message.granted && message.term !== state.campaign?.term) return;\n",
    "",
  ),
  mutation(
    "state.ts",
    "campaigns while a snapshot takes its log's place",
    "  if (state.receiving.installing !== undefined) return false;\n",
    "",
  ),
  mutation(
    "leadership-transfer.ts",
    "tells a server that is behind to take over",
    "  if (leadership.peers.get(to)?.match !== log.lastIndex) return;\n",
    "  if (log.lastIndex < 0) return;\n",
  ),
  mutation(
    "leadership-transfer.ts",
    "hands over to a server that lacks what is committed",
    "      progress.match >= log.commit &&\n",
    "",
  ),
  // A disk that stands still.
  mutation(
    "leadership-transfer.ts",
    "leads on with a disk that stands still",
    "?? willingness(state);",
    "?? state.leadershipPriority;",
  ),
  mutation(
    "ready-batch.ts",
    "takes a disk that gets on for one that stands still",
    "  disk.standingTicks = 0;\n",
    "",
  ),
];
