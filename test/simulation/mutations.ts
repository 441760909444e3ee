// Deliberate bugs in the core, each of which the core's tests or the simulator must catch. The text
// to replace must occur exactly once in its file: where it does not, this list is stale.

export interface Mutation {
  readonly file: string;
  /** The bug, as one would tell it. */
  readonly bug: string;
  readonly replace: string;
  readonly by: string;
}

const mutation = (file: string, bug: string, replace: string, by: string): Mutation => ({
  file: `src/raft/core/${file}`,
  bug,
  replace,
  by,
});

export const MUTATIONS: readonly Mutation[] = [
  // Elections.
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
  // Terms.
  mutation(
    "step.ts",
    "does not tell a deposed leader of the new term",
    '      state.outbox.send({\n        ...envelope,\n        kind: "heartbeat-response",\n        readRound: 0,\n        leadershipPriority: state.leadershipPriority,\n      });\n',
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
  // Replication.
  mutation(
    "append-entries.ts",
    "skips the consistency check",
    "if (prevLogIndex > log.commit && !log.matches(prevLogIndex, prevLogTerm)) {",
    "if (prevLogIndex > log.lastIndex) {",
  ),
  mutation(
    "append-entries.ts",
    "acknowledges entries before they are on disk",
    "if (result.success) state.outbox.sendAfterWrite(response);",
    "if (result.success) state.outbox.send(response);",
  ),
  mutation(
    "append-entries.ts",
    "keeps an entry that conflicts with the leader's",
    "index > log.commit && !log.matches(index, term),",
    "index > log.lastIndex && !log.matches(index, term),",
  ),
  mutation(
    "append-entries.ts",
    "drops entries that match when an old append comes late",
    "const conflict = entries.findIndex(",
    "const conflict = entries.length > 0 && lastNew < log.lastIndex ? entries.findIndex(({ index }) => index > log.commit) : entries.findIndex(",
  ),
  mutation(
    "append-entries.ts",
    "takes the leader's commit past what the append vouches for",
    "logIndex(Math.min(message.leaderCommit, lastNew))",
    "logIndex(Math.min(message.leaderCommit, log.lastIndex))",
  ),
  mutation(
    "commit.ts",
    "commits entries of former terms by counting",
    "if (index <= log.commit || log.term(logIndex(index)) !== state.term) return;",
    "if (index <= log.commit) return;",
  ),
  mutation(
    "commit.ts",
    "counts the leader before its own disk has the entry",
    "id === state.id ? log.persisted",
    "id === state.id ? log.lastIndex",
  ),
  mutation(
    "heartbeat.ts",
    "tells followers a commit past what they surely have",
    "commit: logIndex(Math.min(progress.match, log.commit)),",
    "commit: log.commit,",
  ),
  mutation(
    "heartbeat.ts",
    "never notices that an append was lost",
    "progress.match < progress.next - 1 && progress.match === progress.matchAtHeartbeat",
    "false as boolean",
  ),
  mutation("heartbeat.ts", "never repeats a lost probe", "      progress.probeSent = false;\n", ""),
  mutation(
    "progress.ts",
    "backs up to where it already knows a match",
    "if (rejectedIndex !== this.next - 1 || rejectedIndex <= this.match) return false;",
    "if (rejectedIndex !== this.next - 1 || rejectedIndex > this.match) return false;",
  ),
  mutation(
    "progress.ts",
    "lets its window stay full",
    'if (this.state === "replicate") this.inflight.freeUpTo(match);',
    "",
  ),
  mutation(
    "raft-log.ts",
    "lets a write of dropped entries vouch for the new ones",
    "    for (const write of this.#writes) write.lastIndex = min(write.lastIndex, before);\n",
    "",
  ),
  mutation(
    "raft-log.ts",
    "does not write the entries that replace dropped ones",
    "    this.#nextToWrite = min(this.#nextToWrite, index);\n",
    "",
  ),
  mutation(
    "raft-log.ts",
    "compares logs by length alone",
    "return lastTerm > own || (lastTerm === own && lastIndex >= this.lastIndex);",
    "return lastIndex >= this.lastIndex;",
  ),
  mutation(
    "raft-log.ts",
    "hands out an entry twice",
    "    this.#applying = last.index;\n    this.#trim();",
    "    this.#applying = logIndex(last.index - (last.index % 7 === 0 && entries.length > 1 ? 1 : 0));\n    this.#trim();",
  ),
  // Membership.
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
    "if (known === undefined) leadership.peers.set(id, newProgress(state));",
    "if (known === undefined) continue;",
  ),
  // Reads.
  mutation(
    "read-index.ts",
    "answers reads before its first commit of the term",
    "    state.log.commit >= leadership.termStart\n",
    "    leadership.termStart > 0\n",
  ),
  mutation(
    "read-index.ts",
    "answers reads without a quorum",
    "while (oldest !== undefined && oldest.round <= confirmed) {",
    "while (oldest !== undefined && oldest.round <= Math.max(confirmed, reads.lastRound)) {",
  ),
  mutation(
    "read-index.ts",
    "answers a read with the commit index of another round",
    "answerRead(state, request, oldest.readIndex);",
    "answerRead(state, request, (oldest.readIndex - 1) as typeof oldest.readIndex);",
  ),
  // Snapshots.
  mutation(
    "snapshot-receiving.ts",
    "acknowledges a snapshot whose chunks have a gap",
    "if (offset !== expected) {",
    "if (offset < expected) {",
  ),
  mutation(
    "snapshot-receiving.ts",
    "acknowledges a snapshot before its checksum is known",
    "    receiving.installing = { meta, from: message.from };\n",
    '    receiving.installing = { meta, from: message.from };\n    respond(state, message.from, meta, { kind: "installed", matchIndex: meta.index });\n',
  ),
  mutation(
    "snapshot-receiving.ts",
    "forgets the configuration of a snapshot",
    "  state.memberships.restore(meta);\n",
    "",
  ),
  mutation(
    "snapshot-sending.ts",
    "never repeats a chunk that was lost",
    "    snapshot.awaitedEnd = undefined;\n    leadership.replicationDue = true;\n",
    "",
  ),
  // Transfers.
  mutation(
    "leadership-transfer.ts",
    "never gives a transfer up",
    "    leadership.transfer = undefined;\n  }\n}\n\n/**\n * Hands over",
    "  }\n}\n\n/**\n * Hands over",
  ),
];
