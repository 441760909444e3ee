// Snapshots and configurations on the wire and in the core.
import type {
  Membership as WireMembership,
  SnapshotMeta as WireSnapshotMeta,
  SnapshotResponse,
} from "../../gen/raft/v1/raft.js";
import {
  logIndex,
  type Member,
  type Membership,
  type Message,
  nodeId,
  type SnapshotMeta,
  term,
} from "../../raft/index.js";
import { MalformedRaftMessage } from "./errors.js";

type SnapshotResult = Extract<Message, { kind: "snapshot-response" }>["result"];

/** What a follower answers to a chunk of a snapshot. */
export function encodeSnapshotResult(result: SnapshotResult): SnapshotResponse["result"] {
  switch (result.kind) {
    case "progress":
      return { $case: "nextOffset", value: result.nextOffset };
    case "installed":
      return { $case: "installedMatchIndex", value: result.matchIndex };
    case "corrupt":
      return { $case: "corrupt", value: true };
  }
}

/** @throws MalformedRaftMessage */
export function decodeSnapshotResult({ result }: SnapshotResponse): SnapshotResult {
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

/** What a snapshot is of, as it goes over the wire with each chunk. */
export function encodeSnapshotMeta(meta: SnapshotMeta): WireSnapshotMeta {
  const { index, term: ofTerm, membership, sizeBytes, checksum } = meta;
  return { index, term: ofTerm, membership: encodeMembership(membership), sizeBytes, checksum };
}

/** @throws MalformedRaftMessage */
export function decodeSnapshotMeta(meta: WireSnapshotMeta | undefined): SnapshotMeta {
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
