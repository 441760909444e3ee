// The Raft state machine as its driver sees it: inputs in, `Ready` batches out, no I/O, no clock.
import { InvariantViolation } from "./errors.js";
import type { Message } from "./message.js";
import type { RaftCoreOptions } from "./options.js";
import type { Ready } from "./ready.js";
import type {
  MemberChange,
  ProposeMembershipResult,
  ProposeResult,
  RaftStatus,
  TransferResult,
} from "./results.js";
import type { LogIndex, Membership, NodeId } from "./types.js";

function unbuilt(..._: readonly unknown[]): never {
  throw new InvariantViolation("under construction");
}

export class RaftCore {
  constructor(options: RaftCoreOptions) {
    unbuilt(options);
  }
  /** One unit of time has passed. */
  tick(): void {
    unbuilt();
  }
  step(message: Message): void {
    unbuilt(message);
  }
  /** Appends a batch of commands, one entry each. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    return unbuilt(data);
  }
  /** Changes the configuration, several servers at once, by joint consensus (§4.3). */
  proposeMembership(changes: readonly MemberChange[]): ProposeMembershipResult {
    return unbuilt(changes);
  }
  /** Hands leadership over (§3.10); without `to`, to the voter whose log is furthest. */
  transferLeadership(to?: NodeId): TransferResult {
    return unbuilt(to);
  }
  /** Asks for a read index (§6.4); answered through `Ready.reads`. */
  readIndex(requestId: number): void {
    unbuilt(requestId);
  }
  /** Starts an election now. */
  campaign(): void {
    unbuilt();
  }
  /** The transport lost what was on its way to a peer. */
  reportUnreachable(peer: NodeId): void {
    unbuilt(peer);
  }
  setLeadershipPriority(priority: number): void {
    unbuilt(priority);
  }
  hasReady(): boolean {
    return unbuilt();
  }
  ready(): Ready {
    return unbuilt();
  }
  /** The write of that sequence is durable, and all before it. */
  persisted(sequence: number): void {
    unbuilt(sequence);
  }
  /**
   * In place of `persisted`, for a write whose snapshot chunk ended a snapshot that does not match
   * its checksum. The rest of the write is durable; the partial snapshot was thrown away.
   */
  persistedButSnapshotCorrupt(sequence: number): void {
    unbuilt(sequence);
  }
  /** Applied up to here; after a `restore`, its index. */
  applied(index: LogIndex): void {
    unbuilt(index);
  }
  status(): RaftStatus {
    return unbuilt();
  }
  /** The configuration in force at an index, for a snapshot there; undefined where compacted. */
  membershipAt(index: LogIndex): Membership | undefined {
    return unbuilt(index);
  }
}
