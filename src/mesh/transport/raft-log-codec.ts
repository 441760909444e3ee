// Entries of a log on the wire and in the core, and the messages that carry them or answer to them.
import {
  type AppendRequest,
  type AppendResponse,
  type CatchUpResponse,
  type Entry as WireEntry,
  EntryKind as WireEntryKind,
} from "../../gen/raft/v1/raft.js";
import { type Entry, type EntryKind, logIndex, type Message, term } from "../../raft/index.js";
import { MalformedRaftMessage } from "./errors.js";

const WIRE_KINDS = {
  command: WireEntryKind.COMMAND,
  noop: WireEntryKind.NOOP,
  membership: WireEntryKind.MEMBERSHIP,
} as const;

/** An entry as it goes over the wire: its bytes are not copied. */
export function encodeEntry(entry: Entry): WireEntry {
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

/** @throws MalformedRaftMessage */
export function decodeAppendRequest(request: AppendRequest) {
  const { prevLogIndex } = request;
  return {
    prevLogIndex: logIndex(prevLogIndex),
    prevLogTerm: term(request.prevLogTerm),
    leaderCommit: logIndex(request.leaderCommit),
    entries: decodeEntries(prevLogIndex, request.entries),
  };
}

function decodeEntries(prevLogIndex: number, entries: readonly WireEntry[]): readonly Entry[] {
  return entries.map((entry, at) => ({
    index: logIndex(prevLogIndex + 1 + at),
    term: term(entry.term),
    kind: decodeEntryKind(entry.kind),
    data: entry.data,
  }));
}

type CatchUpResult = Extract<Message, { kind: "catch-up-response" }>["result"];

/** What a voter answers to a candidate that catches up from it. */
export function encodeCatchUpResult(result: CatchUpResult): CatchUpResponse["result"] {
  switch (result.kind) {
    case "entries":
      return { $case: "entries", value: { entries: result.entries.map(encodeEntry) } };
    case "conflict": {
      const { hintIndex, hintTerm } = result;
      return { $case: "conflict", value: { hintIndex, hintTerm } };
    }
    case "compacted":
      return { $case: "compacted", value: true };
  }
}

/** @throws MalformedRaftMessage */
export function decodeCatchUpResponse(response: CatchUpResponse) {
  const { prevLogIndex, prevLogTerm } = response;
  return {
    prevLogIndex: logIndex(prevLogIndex),
    prevLogTerm: term(prevLogTerm),
    result: decodeCatchUpResult(response),
  };
}

function decodeCatchUpResult({ prevLogIndex, result }: CatchUpResponse): CatchUpResult {
  switch (result?.$case) {
    case "entries":
      return { kind: "entries", entries: decodeEntries(prevLogIndex, result.value.entries) };
    case "conflict": {
      const { hintIndex, hintTerm } = result.value;
      return { kind: "conflict", hintIndex: logIndex(hintIndex), hintTerm: term(hintTerm) };
    }
    case "compacted":
      return { kind: "compacted" };
    case undefined:
      throw new MalformedRaftMessage("a catch-up response has no result");
  }
}

type AppendResult = Extract<Message, { kind: "append-response" }>["result"];

/** What a follower answers to an append. */
export function encodeAppendResult(result: AppendResult): AppendResponse["result"] {
  if (result.success) return { $case: "matchIndex", value: result.matchIndex };
  const { rejectedIndex, hintIndex, hintTerm } = result;
  return { $case: "rejection", value: { rejectedIndex, hintIndex, hintTerm } };
}

/** @throws MalformedRaftMessage */
export function decodeAppendResult({ result }: AppendResponse): AppendResult {
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
