// Whatever the core says survives the wire: encoded, made bytes, read again, decoded.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EntryKind as WireEntryKind, ExchangeRequest } from "../../../src/gen/raft/v1/raft.js";
import { MalformedRaftMessage } from "../../../src/mesh/transport/errors.js";
import {
  decodeExchange,
  decodeMessage,
  encodeExchange,
} from "../../../src/mesh/transport/raft-codec.js";
import { type Entry, logIndex, type Message, nodeId, term } from "../../../src/raft/index.js";

const anId = fc.string({ minLength: 1, maxLength: 12 }).map(nodeId);
const aNumber = fc.oneof(fc.nat(), fc.constant(0), fc.constant(Number.MAX_SAFE_INTEGER));
const aTerm = aNumber.map(term);
const anIndex = aNumber.map(logIndex);
const someBytes = fc.uint8Array({ maxLength: 64 });
const members = fc.array(fc.record({ id: anId, address: fc.string() }), { maxLength: 3 });
const envelope = {
  from: anId,
  to: anId,
  term: aTerm,
  admittedAt: fc.option(fc.integer({ min: 1 }).map(logIndex), { nil: undefined }),
};
const kind = <K extends Message["kind"]>(name: K) => fc.constant(name);

/** A slice of a larger buffer, as entries read from a segment are. */
const slicedBytes = someBytes.map((bytes) => {
  const whole = new Uint8Array(bytes.length + 7);
  whole.set(bytes, 3);
  return whole.subarray(3, 3 + bytes.length);
});

const entryBodies = fc.array(
  fc.record({
    term: aTerm,
    kind: fc.constantFrom("command" as const, "noop" as const, "membership" as const),
    data: slicedBytes,
  }),
  { maxLength: 4 },
);

/** Entries of a message follow one another. */
const entriesAfter = (before: number, bodies: readonly Omit<Entry, "index">[]): readonly Entry[] =>
  bodies.map((body, at) => ({ ...body, index: logIndex(before + 1 + at) }));

const appendRequest = fc
  .record({
    ...envelope,
    prevLogIndex: fc.nat().map(logIndex),
    prevLogTerm: aTerm,
    leaderCommit: anIndex,
    bodies: entryBodies,
  })
  .map(({ bodies, ...request }): Message => {
    const entries = entriesAfter(request.prevLogIndex, bodies);
    return { ...request, kind: "append-request", entries };
  });

const snapshotChunk = fc.record({
  ...envelope,
  kind: kind("snapshot-chunk"),
  meta: fc.record({
    index: anIndex,
    term: aTerm,
    membership: fc.record({
      voters: members,
      outgoing: members,
      learners: members,
      learnersNext: members,
    }),
    sizeBytes: aNumber,
    checksum: fc.nat(0xffffffff),
  }),
  offset: aNumber,
  data: slicedBytes,
  done: fc.boolean(),
});

const catchUpResponse = fc
  .record({
    ...envelope,
    prevLogIndex: fc.nat().map(logIndex),
    prevLogTerm: aTerm,
    result: fc.oneof(
      fc.record({ kind: fc.constant("entries" as const), entries: entryBodies }),
      fc.record({ kind: fc.constant("conflict" as const), hintIndex: anIndex, hintTerm: aTerm }),
      fc.record({ kind: fc.constant("compacted" as const) }),
    ),
  })
  .map(({ result, ...response }): Message => ({
    ...response,
    kind: "catch-up-response",
    result:
      result.kind === "entries"
        ? { kind: "entries", entries: entriesAfter(response.prevLogIndex, result.entries) }
        : result,
  }));

/** One of each kind of message: a kind that is missing here does not compile. */
const byKind: { readonly [K in Message["kind"]]: fc.Arbitrary<Message> } = {
  "vote-request": fc.record({
    ...envelope,
    kind: kind("vote-request"),
    preVote: fc.boolean(),
    lastLogIndex: anIndex,
    lastLogTerm: aTerm,
    transfer: fc.boolean(),
  }),
  "vote-response": fc.record({
    ...envelope,
    kind: kind("vote-response"),
    preVote: fc.boolean(),
    granted: fc.boolean(),
    offersLog: fc.boolean(),
  }),
  "catch-up-request": fc.record({
    ...envelope,
    kind: kind("catch-up-request"),
    prevLogIndex: anIndex,
    prevLogTerm: aTerm,
  }),
  "catch-up-response": catchUpResponse,
  "append-request": appendRequest,
  "append-response": fc.record({
    ...envelope,
    kind: kind("append-response"),
    result: fc.oneof(
      fc.record({ success: fc.constant(true as const), matchIndex: anIndex }),
      fc.record({
        success: fc.constant(false as const),
        rejectedIndex: anIndex,
        hintIndex: anIndex,
        hintTerm: aTerm,
      }),
    ),
  }),
  heartbeat: fc.record({
    ...envelope,
    kind: kind("heartbeat"),
    commit: anIndex,
    readRound: aNumber,
  }),
  "heartbeat-response": fc.record({
    ...envelope,
    kind: kind("heartbeat-response"),
    readRound: aNumber,
    leadershipPriority: fc.nat(10),
  }),
  "snapshot-chunk": snapshotChunk,
  "snapshot-response": fc.record({
    ...envelope,
    kind: kind("snapshot-response"),
    index: anIndex,
    result: fc.oneof(
      fc.record({ kind: fc.constant("progress" as const), nextOffset: aNumber }),
      fc.record({ kind: fc.constant("installed" as const), matchIndex: anIndex }),
      fc.record({ kind: fc.constant("corrupt" as const) }),
    ),
  }),
  "timeout-now": fc.record({ ...envelope, kind: kind("timeout-now") }),
  "read-index-request": fc.record({
    ...envelope,
    kind: kind("read-index-request"),
    requestId: aNumber,
  }),
  "read-index-response": fc.record({
    ...envelope,
    kind: kind("read-index-response"),
    requestId: aNumber,
    readIndex: fc.option(anIndex, { nil: undefined }),
  }),
};

function overTheWire(messages: readonly Message[]): readonly Message[] {
  const bytes = ExchangeRequest.encode(encodeExchange("mesh", messages)).finish();
  return decodeExchange(ExchangeRequest.decode(bytes).messages);
}

/** Buffers and byte arrays of the same content compare as equal. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, comparable(each)]));
}

describe("a Raft message on the wire", () => {
  test.each(Object.entries(byKind))("a %s arrives as it was sent", (_kind, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        expect(comparable(overTheWire([message]))).toStrictEqual(comparable([message]));
      }),
    );
  });

  test("messages of one exchange arrive in their order", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...Object.values(byKind)), { maxLength: 8 }), (messages) => {
        expect(comparable(overTheWire(messages))).toStrictEqual(comparable(messages));
      }),
    );
  });

  test("a message of a kind that this version does not know is malformed", () => {
    expect(() =>
      decodeMessage({ from: "n1", to: "n2", term: 1, admittedAt: 0, kind: undefined }),
    ).toThrow(MalformedRaftMessage);
  });

  test("an entry of a kind that this version does not know is malformed", () => {
    const value = {
      prevLogIndex: 0,
      prevLogTerm: 0,
      leaderCommit: 0,
      entries: [{ term: 1, kind: WireEntryKind.UNRECOGNIZED, data: Buffer.alloc(0) }],
    };

    expect(() =>
      decodeMessage({
        from: "n1",
        to: "n2",
        term: 1,
        admittedAt: 0,
        kind: { $case: "appendRequest", value },
      }),
    ).toThrow(MalformedRaftMessage);
  });
});
