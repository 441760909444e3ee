// Deliberate bugs in replication, commits, snapshots and reads.
import { type Mutation, mutation } from "./mutation.js";

export const REPLICATION_MUTATIONS: readonly Mutation[] = [
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
  mutation(
    "append-entries.ts",
    "acknowledges the end of its log, matching or not",
    "  acknowledge(state, message, lastNew);\n",
    "  acknowledge(state, message, log.lastIndex);\n",
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
    "    receiving.installing = { meta, sender: { from, admittedAt } };\n",
    '    receiving.installing = { meta, sender: { from, admittedAt } };\n    respond(state, message, meta, { kind: "installed", matchIndex: meta.index });\n',
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
  mutation(
    "snapshot-receiving.ts",
    "continues one snapshot with a part of another",
    "    a.sizeBytes === b.sizeBytes &&\n    a.checksum === b.checksum\n",
    "    a.sizeBytes === b.sizeBytes\n",
  ),
  mutation(
    "snapshot-receiving.ts",
    "drops a log that goes on behind the snapshot",
    "if (log.commit >= meta.index || log.matches(meta.index, meta.term)) {",
    "if (log.commit >= meta.index) {",
  ),
  mutation(
    "raft-log.ts",
    "lets a write behind a snapshot vouch for the entries that gave way to it",
    "    for (const write of this.#writes) write.lastIndex = meta.index;\n",
    "",
  ),
  mutation(
    "ready-batch.ts",
    "hands out the end of a snapshot together with entries",
    "  if (chunk?.done === true && log.hasUnwritten()) return undefined;\n",
    "",
  ),
  mutation(
    "ready-batch.ts",
    "writes a commit index that its disk does not reach",
    "commit: logIndex(Math.min(log.commit, log.persisted)),",
    "commit: log.commit,",
  ),
  mutation(
    "append-entries.ts",
    "takes what it acknowledged to a former leader for told to this one",
    "const isToSame = acknowledged.term === term && acknowledged.admittedAt === admittedAt;",
    "const isToSame = acknowledged.term <= term && acknowledged.admittedAt === admittedAt;",
  ),
];
