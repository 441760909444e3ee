// Raft's words on the wire and in the core: messages are converted here, logs and snapshots in them
// by raft-log-codec.ts and raft-snapshot-codec.ts.
import type {
  ClockReading,
  ExchangeRequest,
  Introduction,
  RaftMessage,
} from "../../gen/raft/v1/raft.js";
import { logIndex, type Message, nodeId, term } from "../../raft/index.js";
import { MalformedRaftMessage } from "./errors.js";
import {
  decodeAppendRequest,
  decodeAppendResult,
  decodeCatchUpResponse,
  encodeAppendResult,
  encodeCatchUpResult,
  encodeEntry,
} from "./raft-log-codec.js";
import {
  decodeSnapshotMeta,
  decodeSnapshotResult,
  encodeSnapshotMeta,
  encodeSnapshotResult,
} from "./raft-snapshot-codec.js";

/**
 * What one write on the stream to a peer holds.
 * @param introduction where this node is reached, with the first write of a stream
 */
export function encodeExchange(
  meshId: string,
  messages: readonly Message[],
  introduction?: Introduction,
  clock?: ClockReading,
): ExchangeRequest {
  return { meshId, messages: messages.map(encodeMessage), introduction, clock };
}

/** @throws MalformedRaftMessage */
export function decodeExchange(messages: readonly RaftMessage[]): readonly Message[] {
  return messages.map(decodeMessage);
}

/** A message of Raft as it goes over the wire. */
export function encodeMessage(message: Message): RaftMessage {
  const { from, to, term: ofTerm, admittedAt = 0 } = message;
  return { from, to, term: ofTerm, admittedAt, kind: encodeKind(message) };
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
    case "vote-response": {
      const { preVote, granted, offersLog } = message;
      return { $case: "voteResponse", value: { preVote, granted, offersLog } };
    }
    case "catch-up-request": {
      const { prevLogIndex, prevLogTerm } = message;
      return { $case: "catchUpRequest", value: { prevLogIndex, prevLogTerm } };
    }
    case "catch-up-response": {
      const { prevLogIndex, prevLogTerm } = message;
      const result = encodeCatchUpResult(message.result);
      return { $case: "catchUpResponse", value: { prevLogIndex, prevLogTerm, result } };
    }
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
    admittedAt: message.admittedAt === 0 ? undefined : logIndex(message.admittedAt),
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
    case "catchUpRequest":
      return {
        ...envelope,
        kind: "catch-up-request",
        prevLogIndex: logIndex(kind.value.prevLogIndex),
        prevLogTerm: term(kind.value.prevLogTerm),
      };
    case "catchUpResponse":
      return { ...envelope, kind: "catch-up-response", ...decodeCatchUpResponse(kind.value) };
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
