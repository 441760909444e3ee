// Raft's safety properties (figure 3.2 and §4), checked as things happen: each check looks only at
// what the event changed, and relies on what was checked before.
import {
  type Entry,
  type LogIndex,
  type Membership,
  type Message,
  type RaftStatus,
  type Ready,
  type SnapshotMeta,
  type SoftState,
  type Write,
} from "../../src/raft/core/index.js";
import type { Disk } from "./disk.js";
import { GlobalLog } from "./global-log.js";
import { describeMembership, isQuorum, quorumsOverlap } from "./membership-rules.js";
import type { Change, Observed } from "./observed.js";
import { Promises } from "./promises.js";
import { type PlacedMembership, ShadowLog } from "./shadow-log.js";
import { Violation, type Rule } from "./violation.js";

export class Invariants {
  readonly #bootstrap: Membership;
  readonly global: GlobalLog;
  readonly #nodes = new Map<string, Observed>();
  /** Which node, in which of its lives, leads a term. */
  readonly #leaders = new Map<number, { readonly id: string; readonly life: number }>();
  readonly #promises = new Promises();

  constructor(bootstrap: Membership) {
    this.#bootstrap = bootstrap;
    this.global = new GlobalLog(bootstrap);
  }

  /** A node starts, or starts again, with what its disk holds and its state machine has applied. */
  started(id: string, disk: Disk, bootstrap: Membership, applied: number): void {
    const snapshot = disk.snapshot();
    const first = disk.firstIndex();
    const base =
      snapshot === undefined
        ? { index: 0, term: 0, membership: bootstrap }
        : { index: snapshot.index, term: snapshot.term, membership: snapshot.membership };
    const log = new ShadowLog(base);
    for (const entry of this.#onDisk(disk, Math.max(first, base.index + 1))) {
      log.append(entry, this.global.membershipOf(entry));
    }
    const before = this.#nodes.get(id);
    this.#promises.kept(id, disk);
    this.#nodes.set(id, {
      id,
      disk,
      life: (before?.life ?? 0) + 1,
      log,
      leads: 0,
      term: disk.hardState.term,
      vote: disk.hardState.vote,
      commit: Math.max(applied, base.index, disk.hardState.commit),
      handedOut: applied,
      applied,
    });
  }

  stopped(id: string): void {
    this.#node(id).leads = 0;
  }

  /**
   * The core handed out a batch; its messages are checked as they leave. `status` is the core's
   * word where the batch shows or relies on a commit index ({@link tellsCommit}).
   */
  handedOut(id: string, ready: Ready, status: RaftStatus | undefined): void {
    const node = this.#node(id);
    const changes = ready.write === undefined ? [] : this.#checkWrite(node, ready.write);
    const ledBefore = node.leads;
    if (ready.softState !== undefined) this.#checkRole(node, ready.softState);
    if (ready.restore !== undefined) this.#checkRestore(node, ready.restore);
    if (status !== undefined) this.#checkStatus(node, status, Math.max(node.leads, ledBefore));
    for (const { current, next } of changes) this.#checkChange(current, next);
    for (const entry of ready.committed) {
      if (entry.index !== node.handedOut + 1) {
        this.#fail("driver contract", `${id} hands out ${entry.index} after ${node.handedOut}`);
      }
      node.handedOut = entry.index;
      this.global.checkCommitted(entry, id);
    }
  }

  /** What a core says of itself between batches. */
  told(id: string, status: RaftStatus): void {
    const node = this.#node(id);
    this.#checkStatus(node, status, node.leads);
  }

  /** A message leaves a node: what it promises must be on that node's disk. */
  leaves(message: Message): void {
    const node = this.#node(message.from);
    this.#promises.given(message, node.disk);
    switch (message.kind) {
      case "append-request":
        if (node.leads === message.term) {
          this.#showCommit(node, message.leaderCommit, node.leads);
        }
        return;
      case "heartbeat":
        if (node.leads === message.term) this.#showCommit(node, message.commit, node.leads);
        return;
      case "snapshot-chunk":
        this.global.checkSnapshot(message.meta, `${message.from} sends a snapshot`);
        return;
      case "vote-request":
      case "vote-response":
      case "catch-up-request":
      case "catch-up-response":
      case "append-response":
      case "snapshot-response":
      case "heartbeat-response":
      case "timeout-now":
      case "read-index-request":
      case "read-index-response":
        return;
    }
  }

  applied(id: string, index: number, hash: number): void {
    this.global.checkHash(index, hash, id);
  }

  /** A node takes a snapshot of its own state machine. */
  snapshotTaken(id: string, meta: SnapshotMeta): void {
    this.global.checkSnapshot(meta, `${id} takes a snapshot`);
  }

  /** A read index may not miss what was known as committed when the read was asked for (§6.4). */
  readAnswered(id: string, readIndex: number, commitWhenAsked: number): void {
    if (readIndex < commitWhenAsked) {
      const detail = `${id} got ${readIndex}, ${commitWhenAsked} was committed when it asked`;
      this.#fail("read index freshness", detail);
    }
  }

  /** Configuration in force in a node's log. */
  membershipOf(id: string): Membership {
    return this.#nodes.get(id)?.log.membership.membership ?? this.#bootstrap;
  }

  /** Every configuration that some node's log has in force. */
  membershipsInForce(): readonly Membership[] {
    return [...this.#nodes.values()].map((node) => node.log.membership.membership);
  }

  #checkRole(node: Observed, soft: SoftState): void {
    if (soft.term < node.term) this.#fail("term never goes back", `${node.id}: ${soft.term}`);
    const isLeader = soft.role === "leader";
    if (isLeader && node.leads !== soft.term) this.#checkElection(node, soft.term);
    node.leads = isLeader ? soft.term : 0;
  }

  #checkStatus(node: Observed, { commit, applied }: RaftStatus, ledTerm: number): void {
    if (commit < node.commit) {
      this.#fail("commit never goes back", `${node.id}: ${node.commit}, now ${commit}`);
    }
    node.commit = commit;
    this.#showCommit(node, commit, ledTerm);
    if (applied > commit) {
      this.#fail("commit never goes back", `${node.id}: applied ${applied}, committed ${commit}`);
    }
    if (applied < node.applied) {
      this.#fail("commit never goes back", `${node.id}: applied ${node.applied}, now ${applied}`);
    }
    node.applied = applied;
  }

  #checkWrite(node: Observed, write: Write): readonly Change[] {
    const hard = write.hardState;
    if (hard !== undefined) {
      if (hard.term < node.term) this.#fail("term never goes back", `${node.id}: ${hard.term}`);
      const revoked = hard.term === node.term && node.vote !== undefined && hard.vote !== node.vote;
      if (revoked) {
        this.#fail("one vote a term", `${node.id} in ${hard.term}: ${node.vote}, now ${hard.vote}`);
      }
      node.term = hard.term;
      node.vote = hard.vote;
    }
    const first = write.entries[0];
    const changes = first === undefined ? [] : this.#checkAppend(node, first, write.entries);
    const chunk = write.snapshotChunk;
    if (chunk?.done === true) node.log = this.#withSnapshot(node, chunk.meta);
    return changes;
  }

  /** Returns the changes of configuration that nobody has seen before. */
  #checkAppend(node: Observed, first: Entry, entries: readonly Entry[]): readonly Change[] {
    const { log } = node;
    const changes: Change[] = [];
    if (first.index > log.lastIndex + 1 || first.index < log.firstIndex) {
      const place = `${log.firstIndex}..${log.lastIndex}`;
      this.#fail("driver contract", `${node.id} writes ${first.index} to a log of ${place}`);
    }
    if (first.index <= log.lastIndex && node.leads !== 0 && node.leads === node.term) {
      this.#fail("leader append-only", `${node.id} drops its entries from ${first.index} on`);
    }
    if (first.index <= node.commit) {
      this.#fail("leader completeness", `${node.id} drops its committed entry ${first.index}`);
    }
    for (const entry of entries) {
      const previousTerm = log.term(entry.index - 1) ?? -1;
      if (entry.term < previousTerm) {
        this.#fail("log matching", `${node.id}: term falls to ${entry.term} at ${entry.index}`);
      }
      const isNew = this.global.see(entry, previousTerm, node.id);
      const membership = this.global.membershipOf(entry);
      const current = log.membershipAt(entry.index - 1);
      if (membership !== undefined && isNew && current !== undefined) {
        changes.push({ current, next: membership });
      }
      log.append(entry, membership);
    }
    return changes;
  }

  /** §4.1: quorums of a configuration and the next one overlap, and one change goes at a time. */
  #checkChange(current: PlacedMembership, next: Membership): void {
    const change = `${describeMembership(current.membership)} to ${describeMembership(next)}`;
    if (next.voters.length === 0) this.#fail("membership overlap", `${change}: no voters`);
    if (!quorumsOverlap(current.membership, next)) this.#fail("membership overlap", change);
    if (current.index > this.global.commit) {
      this.#fail("membership overlap", `${change}: the former, at ${current.index}, can be undone`);
    }
  }

  #checkElection(node: Observed, term: number): void {
    const known = this.#leaders.get(term);
    if (known !== undefined && (known.id !== node.id || known.life !== node.life)) {
      this.#fail("election safety", `${node.id} and ${known.id} lead term ${term}`);
    }
    this.#leaders.set(term, { id: node.id, life: node.life });
    const { hardState } = node.disk;
    if (hardState.term !== term || hardState.vote !== node.id) {
      this.#fail("persist before answering", `${node.id} leads ${term}; its vote is not on disk`);
    }
    this.#checkHasCommitted(node, term, this.global.committedBefore(term));
  }

  /** Leader completeness (§3.6.3). What is before `index` follows by log matching. */
  #checkHasCommitted(node: Observed, term: number, index: number): void {
    if (index < node.log.firstIndex) return;
    const committed = this.global.committedTerm(index);
    if (node.log.term(index) !== committed) {
      const held = node.log.term(index) ?? "none";
      const what = `committed entry ${index} of term ${committed ?? 0}`;
      this.#fail("leader completeness", `${node.id} leads ${term}, lacks ${what} (has ${held})`);
    }
  }

  /** A node lets a commit index show. The leader of `ledTerm` is where the cluster's comes from. */
  #showCommit(node: Observed, commit: number, ledTerm: number): void {
    if (commit <= this.global.commit) return;
    if (ledTerm === 0) {
      const detail = `${node.id} follows, and knows ${commit} as committed before any leader`;
      this.#fail("commit needs a quorum on disk", detail);
    }
    this.#commitTo(node, commit, ledTerm);
  }

  #commitTo(leader: Observed, commit: number, ledTerm: number): void {
    const term = leader.log.term(commit);
    if (term !== ledTerm) {
      const detail = `${leader.id} of ${ledTerm} commits ${commit} of ${term ?? 0} (§3.6.2)`;
      this.#fail("commit needs a quorum on disk", detail);
    }
    const { membership } = leader.log.membership;
    const holds = (id: string): boolean =>
      this.#nodes.get(id)?.disk.holds(commit, ledTerm) === true;
    if (!isQuorum(membership, holds)) {
      const detail = `${leader.id} commits ${commit}; ${describeMembership(membership)}`;
      this.#fail("commit needs a quorum on disk", detail);
    }
    for (let index = this.global.commit + 1; index <= commit; index += 1) {
      this.global.commitNext(leader.log.term(index) ?? 0, ledTerm);
    }
    for (const other of this.#nodes.values()) {
      if (other.leads > ledTerm) this.#checkHasCommitted(other, other.leads, commit);
    }
  }

  #checkRestore(node: Observed, meta: SnapshotMeta): void {
    this.global.checkSnapshot(meta, `${node.id} restores`);
    if (meta.index <= node.handedOut) {
      const detail = `${node.id}: snapshot ${meta.index} takes back applied ${node.handedOut}`;
      this.#fail("commit never goes back", detail);
    }
    node.handedOut = meta.index;
    node.commit = Math.max(node.commit, meta.index);
  }

  /** A snapshot that fails its check leaves the log as it was, which only the disk knows. */
  snapshotWasCorrupt(id: string, bootstrap: Membership): void {
    const node = this.#node(id);
    const { life, leads, term, vote, commit, handedOut, applied } = node;
    this.started(id, node.disk, bootstrap, handedOut);
    const kept = { life, leads, term, vote, commit, handedOut, applied };
    Object.assign(this.#node(id), kept);
  }

  #withSnapshot(node: Observed, meta: SnapshotMeta): ShadowLog {
    const log = new ShadowLog({ index: 0, term: 0, membership: meta.membership });
    this.global.checkSnapshot(meta, `${node.id} receives a snapshot`);
    log.replaceBy(meta);
    return log;
  }

  #onDisk(disk: Disk, from: number): readonly Entry[] {
    const end = disk.lastIndex() + 1;
    return disk.entries(from as LogIndex, end as LogIndex, Infinity);
  }

  #node(id: string): Observed {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`the checkers do not know ${id}`);
    return node;
  }

  #fail(rule: Rule, detail: string): never {
    throw new Violation(rule, detail);
  }
}
