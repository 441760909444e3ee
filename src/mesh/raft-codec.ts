// Raft's words on the wire and in the core: the one place where they are converted.
import {
  type AppendRequest,
  type AppendResponse,
  type Entry as WireEntry,
  EntryKind as WireEntryKind,
  type ExchangeRequest,
  type Membership as WireMembership,
  type RaftMessage,
  type SnapshotMeta as WireSnapshotMeta,
  type SnapshotResponse,
} from "../gen/raft/v1/raft.js";
import {
  type Entry,
  type EntryKind,
  logIndex,
  type Member,
  type Membership,
  type Message,
  nodeId,
  type SnapshotMeta,
  term,
} from "../raft/index.js";

/** Thrown for a message that no node of this version sends. */
export class MalformedRaftMessage extends Error {
  override readonly name = "MalformedRaftMessage";
}

export function encodeExchange(meshId: string, messages: readonly Message[]): ExchangeRequest {
  return { meshId, messages: messages.map(encodeMessage) };
}

/** @throws MalformedRaftMessage */
export function decodeExchange(messages: readonly RaftMessage[]): readonly Message[] {
  return messages.map(decodeMessage);
}

export function encodeMessage(message: Message): RaftMessage {
  const { from, to, term: ofTerm } = message;
  return { from, to, term: ofTerm, kind: encodeKind(message) };
}

type WireKind = NonNullable<RaftMessage["kind"]>;

function encodeKind(message: Message): WireKind {
  switch (message.kind) {
    case "vote-request": {
      const { preVote, lastLogIndex, lastLogTerm, transfer } = message;
      return {
        $case: "voteRequest",
        value: { preVote, lastLogIndex, lastLogTerm, transfer },
      };
    }
    case "vote-response":
      return {
        $case: "voteResponse",
        value: { preVote: message.preVote, granted: message.granted },
      };
    case "append-request":
      return {
        $case: "appendRequest",
        value: {
          prevLogIndex: message.prevLogIndex,
          prevLogTerm: message.prevLogTerm,
          entries: message.entries.map(encodeEntry),
          leaderCommit: message.leaderCommit,
        },
      };
    case "append-response":
      return { $case: "appendResponse", value: { result: encodeAppendResult(message.result) } };
    case "heartbeat":
      return {
        $case: "heartbeat",
        value: { commit: message.commit, readRound: message.readRound },
      };
    case "heartbeat-response": {
      const { readRound, leadershipPriority } = message;
      return { $case: "heartbeatResponse", value: { readRound, leadershipPriority } };
    }
    case "snapshot-chunk": {
      const { meta, offset, data, done } = message;
      return {
        $case: "snapshotChunk",
        value: { meta: encodeSnapshotMeta(meta), offset, data: Buffer.from(data), done },
      };
    }
    case "snapshot-response":
      return {
        $case: "snapshotResponse",
        value: { index: message.index, result: encodeSnapshotResult(message.result) },
      };
    case "timeout-now":
      return { $case: "timeoutNow", value: {} };
    case "read-index-request":
      return { $case: "readIndexRequest", value: { requestId: message.requestId } };
    case "read-index-response":
      return {
        $case: "readIndexResponse",
        value: { requestId: message.requestId, readIndex: message.readIndex },
      };
  }
}

/** @throws MalformedRaftMessage */
export function decodeMessage(message: RaftMessage): Message {
  const envelope = {
    from: nodeId(message.from),
    to: nodeId(message.to),
    term: term(message.term),
  };
  const { kind } = message;
  switch (kind?.$case) {
    case "voteRequest": {
      const { preVote, transfer } = kind.value;
      return {
        ...envelope,
        kind: "vote-request",
        preVote,
        transfer,
        lastLogIndex: logIndex(kind.value.lastLogIndex),
        lastLogTerm: term(kind.value.lastLogTerm),
      };
    }
    case "voteResponse":
      return { ...envelope, kind: "vote-response", ...kind.value };
    case "appendRequest":
      return { ...envelope, kind: "append-request", ...decodeAppendRequest(kind.value) };
    case "appendResponse":
      return { ...envelope, kind: "append-response", result: decodeAppendResult(kind.value) };
    case "heartbeat":
      return {
        ...envelope,
        kind: "heartbeat",
        commit: logIndex(kind.value.commit),
        readRound: kind.value.readRound,
      };
    case "heartbeatResponse":
      return { ...envelope, kind: "heartbeat-response", ...kind.value };
    case "snapshotChunk": {
      const { meta, offset, data, done } = kind.value;
      return {
        ...envelope,
        kind: "snapshot-chunk",
        meta: decodeSnapshotMeta(meta),
        offset,
        data,
        done,
      };
    }
    case "snapshotResponse":
      return {
        ...envelope,
        kind: "snapshot-response",
        index: logIndex(kind.value.index),
        result: decodeSnapshotResult(kind.value),
      };
    case "timeoutNow":
      return { ...envelope, kind: "timeout-now" };
    case "readIndexRequest":
      return { ...envelope, kind: "read-index-request", requestId: kind.value.requestId };
    case "readIndexResponse": {
      const { requestId, readIndex } = kind.value;
      return {
        ...envelope,
        kind: "read-index-response",
        requestId,
        readIndex: readIndex === undefined ? undefined : logIndex(readIndex),
      };
    }
    case undefined:
      throw new MalformedRaftMessage(`a message of ${message.from} has no known kind`);
  }
}

const WIRE_KINDS = {
  command: WireEntryKind.COMMAND,
  noop: WireEntryKind.NOOP,
  membership: WireEntryKind.MEMBERSHIP,
} as const;

function encodeEntry(entry: Entry): WireEntry {
  const { buffer, byteOffset, byteLength } = entry.data;
  return {
    term: entry.term,
    kind: WIRE_KINDS[entry.kind],
    data: Buffer.from(buffer, byteOffset, byteLength),
  };
}

function decodeEntryKind(kind: WireEntryKind): EntryKind {
  switch (kind) {
    case WireEntryKind.COMMAND:
      return "command";
    case WireEntryKind.NOOP:
      return "noop";
    case WireEntryKind.MEMBERSHIP:
      return "membership";
    default:
      throw new MalformedRaftMessage(`unknown kind of entry: ${kind}`);
  }
}

function decodeAppendRequest(request: AppendRequest) {
  const { prevLogIndex } = request;
  return {
    prevLogIndex: logIndex(prevLogIndex),
    prevLogTerm: term(request.prevLogTerm),
    leaderCommit: logIndex(request.leaderCommit),
    entries: request.entries.map((entry, at) => ({
      index: logIndex(prevLogIndex + 1 + at),
      term: term(entry.term),
      kind: decodeEntryKind(entry.kind),
      data: entry.data,
    })),
  };
}

type AppendResult = Extract<Message, { kind: "append-response" }>["result"];

function encodeAppendResult(result: AppendResult): AppendResponse["result"] {
  if (result.success) return { $case: "matchIndex", value: result.matchIndex };
  const { rejectedIndex, hintIndex, hintTerm } = result;
  return { $case: "rejection", value: { rejectedIndex, hintIndex, hintTerm } };
}

function decodeAppendResult({ result }: AppendResponse): AppendResult {
  switch (result?.$case) {
    case "matchIndex":
      return { success: true, matchIndex: logIndex(result.value) };
    case "rejection":
      return {
        success: false,
        rejectedIndex: logIndex(result.value.rejectedIndex),
        hintIndex: logIndex(result.value.hintIndex),
        hintTerm: term(result.value.hintTerm),
      };
    case undefined:
      throw new MalformedRaftMessage("an append response has no result");
  }
}

type SnapshotResult = Extract<Message, { kind: "snapshot-response" }>["result"];

function encodeSnapshotResult(result: SnapshotResult): SnapshotResponse["result"] {
  switch (result.kind) {
    case "progress":
      return { $case: "nextOffset", value: result.nextOffset };
    case "installed":
      return { $case: "installedMatchIndex", value: result.matchIndex };
    case "corrupt":
      return { $case: "corrupt", value: true };
  }
}

function decodeSnapshotResult({ result }: SnapshotResponse): SnapshotResult {
  switch (result?.$case) {
    case "nextOffset":
      return { kind: "progress", nextOffset: result.value };
    case "installedMatchIndex":
      return { kind: "installed", matchIndex: logIndex(result.value) };
    case "corrupt":
      return { kind: "corrupt" };
    case undefined:
      throw new MalformedRaftMessage("a snapshot response has no result");
  }
}

function encodeSnapshotMeta(meta: SnapshotMeta): WireSnapshotMeta {
  const { index, term: ofTerm, membership, sizeBytes, checksum } = meta;
  return { index, term: ofTerm, membership: encodeMembership(membership), sizeBytes, checksum };
}

function decodeSnapshotMeta(meta: WireSnapshotMeta | undefined): SnapshotMeta {
  if (meta?.membership === undefined) {
    throw new MalformedRaftMessage("a snapshot chunk has no description");
  }
  const { sizeBytes, checksum } = meta;
  return {
    index: logIndex(meta.index),
    term: term(meta.term),
    membership: decodeMembership(meta.membership),
    sizeBytes,
    checksum,
  };
}

function encodeMembership(membership: Membership): WireMembership {
  return {
    voters: [...membership.voters],
    outgoing: [...membership.outgoing],
    learners: [...membership.learners],
    learnersNext: [...membership.learnersNext],
  };
}

function decodeMembership(membership: WireMembership): Membership {
  return {
    voters: decodeMembers(membership.voters),
    outgoing: decodeMembers(membership.outgoing),
    learners: decodeMembers(membership.learners),
    learnersNext: decodeMembers(membership.learnersNext),
  };
}

function decodeMembers(members: WireMembership["voters"]): readonly Member[] {
  return members.map(({ id, address }) => ({ id: nodeId(id), address }));
}
