// What happened, twice: as a hash, so that two runs can be compared, and as lines to read, which
// cost nothing unless someone listens.
import type { Message, Ready, VoteResponse, Write } from "../../src/raft/core/index.js";
import { US_PER_MS, type EventQueue } from "./event-queue.js";
import { describeMembership } from "./membership-rules.js";

const NODE_COLUMN = 5;

export class Trace {
  readonly #events: EventQueue;
  readonly #listener: ((line: string) => void) | undefined;
  #hash = 0x811c9dc5;
  #count = 0;

  constructor(events: EventQueue, listener: ((line: string) => void) | undefined) {
    this.#events = events;
    this.#listener = listener;
  }

  /** Same seed, same hash. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Number of things that happened to nodes. */
  get count(): number {
    return this.#count;
  }

  get isHeard(): boolean {
    return this.#listener !== undefined;
  }

  /** Something happened: a name for the kind of it, and two numbers that tell it from others. */
  note(kind: string, first: number, second: number): void {
    this.#count += 1;
    let hash = Math.imul(this.#hash ^ kind.charCodeAt(0), 0x01000193);
    hash = Math.imul(hash ^ kind.length, 0x01000193);
    hash = Math.imul(hash ^ first, 0x85ebca6b);
    hash = Math.imul(hash ^ second, 0xc2b2ae35);
    this.#hash = Math.imul(hash ^ this.#events.now, 0x01000193) ^ (hash >>> 13);
  }

  /** A line for the reader; `text` is called only where there is one. */
  say(node: string, text: () => string): void {
    if (this.#listener === undefined) return;
    const ms = (this.#events.now / US_PER_MS).toFixed(1).padStart(9);
    this.#listener(`${ms}ms ${node.padEnd(NODE_COLUMN)} ${text()}`);
  }
}

/** One line for a message, without its sender. */
export const describeMessage = (message: Message): string => {
  const head = `→ ${message.to} ${message.kind} t${message.term}`;
  switch (message.kind) {
    case "vote-request": {
      const how = `${message.preVote ? " pre" : ""}${message.transfer ? " transfer" : ""}`;
      return `${head}${how} last=${message.lastLogIndex}@${message.lastLogTerm}`;
    }
    case "vote-response":
      return `${head}${message.preVote ? " pre" : ""} ${describeVote(message)}`;
    case "catch-up-request":
      return `${head} after ${message.prevLogIndex}@${message.prevLogTerm}`;
    case "catch-up-response": {
      const { result, prevLogIndex, prevLogTerm } = message;
      const previous = `after ${prevLogIndex}@${prevLogTerm}`;
      if (result.kind === "entries") return `${head} ${previous} +${result.entries.length}`;
      return `${head} ${previous} ${JSON.stringify(result)}`;
    }
    case "append-request": {
      const previous = `after ${message.prevLogIndex}@${message.prevLogTerm}`;
      return `${head} ${previous} +${message.entries.length} commit=${message.leaderCommit}`;
    }
    case "append-response": {
      const { result } = message;
      return result.success
        ? `${head} match=${result.matchIndex}`
        : `${head} no ${result.rejectedIndex}, try ${result.hintIndex}@${result.hintTerm}`;
    }
    case "heartbeat":
      return `${head} commit=${message.commit} round=${message.readRound}`;
    case "heartbeat-response":
      return `${head} round=${message.readRound}`;
    case "snapshot-chunk": {
      const { meta, offset, data, done } = message;
      const part = `${offset}+${data.length}/${meta.sizeBytes}${done ? " done" : ""}`;
      return `${head} ${meta.index}@${meta.term} ${part}`;
    }
    case "snapshot-response":
      return `${head} ${message.index} ${JSON.stringify(message.result)}`;
    case "timeout-now":
      return head;
    case "read-index-request":
      return `${head} #${message.requestId}`;
    case "read-index-response":
      return `${head} #${message.requestId} ${message.readIndex ?? "none"}`;
  }
};

const describeVote = ({ granted, offersLog }: VoteResponse): string => {
  if (granted) return "granted";
  return offersLog ? "refused, offers its log" : "refused";
};

export const describeWrite = (write: Write): string => {
  const { hardState, entries, snapshotChunk } = write;
  const hard =
    hardState === undefined
      ? ""
      : ` t${hardState.term} vote=${hardState.vote ?? "-"} commit=${hardState.commit}`;
  const first = entries[0];
  const last = entries.at(-1);
  const log =
    first === undefined || last === undefined
      ? ""
      : ` entries ${first.index}..${last.index}@${last.term}`;
  const chunk =
    snapshotChunk === undefined
      ? ""
      : ` snapshot ${snapshotChunk.meta.index} at ${snapshotChunk.offset}`;
  return `write #${write.sequence}${hard}${log}${chunk}`;
};

/** Lines for what a batch says beside its messages and its write. */
export const describeReady = (ready: Ready): readonly string[] => {
  const lines: string[] = [];
  const { softState, membership, restore, committed } = ready;
  if (softState !== undefined) {
    const { role, term, leader } = softState;
    lines.push(`is ${role} in t${term}, leader ${leader ?? "unknown"}`);
  }
  if (membership !== undefined) lines.push(`membership ${describeMembership(membership)}`);
  if (restore !== undefined) lines.push(`restores snapshot ${restore.index}@${restore.term}`);
  const first = committed[0];
  if (first !== undefined) {
    lines.push(`commits ${first.index}..${first.index + committed.length - 1}`);
  }
  return lines;
};
