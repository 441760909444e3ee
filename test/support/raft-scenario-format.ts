// How scenarios print what happens: one short line for each message, entry and state.
import { decodeMembership } from "../../src/raft/core/index.js";
import type {
  CatchUpResponse,
  Entry,
  Membership,
  Message,
  RaftStatus,
  Ready,
  SnapshotResponse,
  Write,
} from "../../src/raft/core/index.js";

export function formatMessage(message: Message): string {
  const { from, to, kind, term, admittedAt } = message;
  const membership = admittedAt === undefined ? "" : ` since ${admittedAt}`;
  return `${from}->${to} ${kind} term ${term}${membership}${detail(message)}`;
}

function detail(message: Message): string {
  switch (message.kind) {
    case "vote-request":
      return `${message.preVote ? " pre" : ""} log ${message.lastLogTerm}/${message.lastLogIndex}${message.transfer ? " transfer" : ""}`;
    case "vote-response":
      return `${message.preVote ? " pre" : ""} ${message.granted ? "granted" : "refused"}${message.offersLog ? ", offers its log" : ""}`;
    case "catch-up-request":
      return ` after ${message.prevLogTerm}/${message.prevLogIndex}`;
    case "catch-up-response":
      return ` after ${message.prevLogTerm}/${message.prevLogIndex} ${catchUpResult(message.result)}`;
    case "append-request":
      return ` after ${message.prevLogTerm}/${message.prevLogIndex} commit ${message.leaderCommit} ${formatEntries(message.entries)}`;
    case "append-response":
      return message.result.success
        ? ` match ${message.result.matchIndex}`
        : ` refused ${message.result.rejectedIndex} hint ${message.result.hintTerm}/${message.result.hintIndex}`;
    case "heartbeat":
      return ` commit ${message.commit}${message.readRound > 0 ? ` round ${message.readRound}` : ""}`;
    case "heartbeat-response":
      return message.readRound > 0 ? ` round ${message.readRound}` : "";
    case "snapshot-chunk":
      return ` snapshot ${message.meta.term}/${message.meta.index} bytes ${message.offset}+${message.data.byteLength}${message.done ? " done" : ""}`;
    case "snapshot-response":
      return ` snapshot ${message.index} ${snapshotResult(message.result)}`;
    case "timeout-now":
      return "";
    case "read-index-request":
      return ` read ${message.requestId}`;
    case "read-index-response":
      return ` read ${message.requestId} index ${message.readIndex ?? "none"}`;
  }
}

function catchUpResult(result: CatchUpResponse["result"]): string {
  switch (result.kind) {
    case "entries":
      return formatEntries(result.entries);
    case "conflict":
      return `no, hint ${result.hintTerm}/${result.hintIndex}`;
    case "compacted":
      return "compacted";
  }
}

function snapshotResult(result: SnapshotResponse["result"]): string {
  switch (result.kind) {
    case "progress":
      return `next ${result.nextOffset}`;
    case "installed":
      return `installed, match ${result.matchIndex}`;
    case "corrupt":
      return "corrupt";
  }
}

/** Term/index and content of each. */
export function formatEntries(entries: readonly Entry[]): string {
  return `[${entries.map(formatEntry).join(", ")}]`;
}

function formatEntry(entry: Entry): string {
  const position = `${entry.term}/${entry.index}`;
  switch (entry.kind) {
    case "command":
      return `${position} "${new TextDecoder().decode(entry.data)}"`;
    case "noop":
      return `${position} noop`;
    case "membership":
      return `${position} ${formatMembership(decodeMembership(entry.data))}`;
  }
}

/** As in etcd's scenarios: voters=(1 2)&&(1 2 3) while joint. */
export function formatMembership(membership: Membership): string {
  const ids = (members: Membership["voters"]) => `(${members.map(({ id }) => id).join(" ")})`;
  const outgoing = membership.outgoing.length > 0 ? `&&${ids(membership.outgoing)}` : "";
  const parts = [`voters=${ids(membership.voters)}${outgoing}`];
  if (membership.learners.length > 0) parts.push(`learners=${ids(membership.learners)}`);
  if (membership.learnersNext.length > 0) {
    parts.push(`learners-next=${ids(membership.learnersNext)}`);
  }
  return parts.join(" ");
}

/** What a batch asks for; messages are printed where they are sent. */
export function formatReady(ready: Ready): readonly string[] {
  const lines: string[] = [];
  if (ready.softState !== undefined) {
    const { role, term, leader } = ready.softState;
    lines.push(`${role} in term ${term}, leader ${leader ?? "unknown"}`);
  }
  if (ready.membership !== undefined) lines.push(formatMembership(ready.membership));
  if (ready.write !== undefined) lines.push(formatWrite(ready.write));
  if (ready.restore !== undefined) {
    lines.push(`restore snapshot ${ready.restore.term}/${ready.restore.index}`);
  }
  if (ready.committed.length > 0) lines.push(`apply ${formatEntries(ready.committed)}`);
  for (const { requestId, readIndex } of ready.reads) {
    lines.push(
      readIndex === undefined ? `read ${requestId} given up` : `read ${requestId} at ${readIndex}`,
    );
  }
  return lines;
}

function formatWrite(write: Write): string {
  const parts: string[] = [];
  const { hardState, entries, snapshotChunk } = write;
  if (hardState !== undefined) {
    const { term, vote, commit } = hardState;
    parts.push(`term ${term} vote ${vote ?? "none"} commit ${commit}`);
  }
  if (entries.length > 0) parts.push(formatEntries(entries));
  if (snapshotChunk !== undefined) {
    const { offset, data, done } = snapshotChunk;
    parts.push(`snapshot bytes ${offset}+${data.byteLength}${done ? " done" : ""}`);
  }
  return `write ${write.sequence}: ${parts.length > 0 ? parts.join(", ") : "nothing"}`;
}

export function formatStatus(status: RaftStatus): readonly string[] {
  const { role, term, leader, commit, applied, lastIndex, persistedIndex } = status;
  return [
    `${status.id}: ${role} in term ${term}, leader ${leader ?? "unknown"}, last ${lastIndex}, persisted ${persistedIndex}, commit ${commit}, applied ${applied}, ${formatMembership(status.membership)}`,
    ...status.peers.map(
      (peer) =>
        `  ${peer.id}: ${peer.state} match ${peer.match} next ${peer.next} inflight ${peer.inflightMessages}${peer.recentActive ? "" : " silent"}`,
    ),
  ];
}
