// Whoever runs the cluster: adds, promotes, demotes, removes and replaces servers, several at once,
// and hands leadership over, all while the faults go on.
import { type MemberChange, type Membership } from "../../src/raft/core/index.js";
import { type Cluster, member } from "./cluster.js";
import type { EventQueue } from "./event-queue.js";
import { isQuorum } from "./membership-rules.js";
import type { SimNode } from "./node.js";
import type { Prng } from "./prng.js";
import type { Swarm } from "./swarm.js";
import type { Trace } from "./trace.js";

const MAX_VOTERS = 7;
/** Servers that may exist in one run beside those it began with. */
const MAX_NEW_SERVERS = 6;

export class Operator {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #cluster: Cluster;
  readonly #trace: Trace;
  #isOver = false;
  #newServers = 0;

  constructor(events: EventQueue, prng: Prng, cluster: Cluster, trace: Trace) {
    this.#events = events;
    this.#prng = prng;
    this.#cluster = cluster;
    this.#trace = trace;
  }

  begin(swarm: Swarm): void {
    this.#every(swarm.membershipChangeEveryUs, () => this.#change());
    this.#every(swarm.transferEveryUs, () => this.#transfer());
  }

  end(): void {
    this.#isOver = true;
  }

  #every(meanEveryUs: number | undefined, act: () => void): void {
    if (meanEveryUs === undefined) return;
    this.#events.after(this.#prng.exponential(meanEveryUs), () => {
      if (this.#isOver) return;
      act();
      this.#every(meanEveryUs, act);
    });
  }

  #transfer(): void {
    const leader = this.#cluster.leader();
    const target = this.#prng.chance(0.3) ? undefined : this.#prng.pick(this.#cluster.nodes)?.id;
    leader?.call((core) => {
      const result = core.transferLeadership(target);
      this.#trace.say(leader.id, () => `transfer to ${target ?? "the best"}: ${result.kind}`);
    });
  }

  #change(): void {
    const leader = this.#prng.chance(0.9)
      ? this.#cluster.leader()
      : this.#prng.pick(this.#cluster.nodes);
    if (leader === undefined) return;
    const membership = this.#cluster.invariants.membershipOf(leader.id);
    const changes = Array.from(
      { length: this.#prng.chance(0.7) ? 1 : this.#prng.between(2, 3) },
      () => this.#pickChange(membership),
    ).filter((change) => change !== undefined);
    if (changes.length === 0 || !this.#isWise(membership, changes)) return;
    leader.call((core) => {
      const result = core.proposeMembership(changes);
      this.#trace.say(leader.id, () => {
        const how = result.kind === "refused" ? `refused, ${result.reason}` : `at ${result.index}`;
        return `change ${JSON.stringify(changes)}: ${how}`;
      });
    });
  }

  #pickChange(membership: Membership): MemberChange | undefined {
    const { voters, learners } = membership;
    const voter = this.#prng.pick(voters);
    const learner = this.#prng.pick(learners);
    const roll = this.#prng.below(6);
    if (roll === 0 && voter !== undefined) return { kind: "remove", id: voter.id };
    if (roll === 1 && learner !== undefined) return { kind: "remove", id: learner.id };
    if (roll === 2 && voter !== undefined) return { kind: "add-learner", member: voter };
    if (roll === 3 && learner !== undefined) return { kind: "add-voter", member: learner };
    const server = this.#server(membership);
    if (server === undefined) return undefined;
    return { kind: roll === 4 ? "add-voter" : "add-learner", member: member(server.number) };
  }

  /** One that was removed comes back with the disk that it had, or a new one is set up. */
  #server(membership: Membership): SimNode | undefined {
    const members = [...membership.voters, ...membership.learners, ...membership.outgoing];
    const others = this.#cluster.nodes.filter(
      (node) => node.state === "up" && !members.some(({ id }) => id === node.id),
    );
    const known = this.#prng.pick(others);
    if (known !== undefined && this.#prng.chance(0.7)) return known;
    if (this.#newServers >= MAX_NEW_SERVERS) return known;
    this.#newServers += 1;
    const node = this.#cluster.addNode();
    node.start();
    return node;
  }

  /** Leaves at least one voter, at most seven, and a quorum of sound disks. */
  #isWise(membership: Membership, changes: readonly MemberChange[]): boolean {
    const voters = new Map(membership.voters.map((voter) => [voter.id, voter]));
    for (const change of changes) {
      if (change.kind === "add-voter") voters.set(change.member.id, change.member);
      else voters.delete(change.kind === "remove" ? change.id : change.member.id);
    }
    const next: Membership = { ...membership, voters: [...voters.values()], outgoing: [] };
    return (
      voters.size >= 1 &&
      voters.size <= MAX_VOTERS &&
      this.#cluster.isViable(next) &&
      // A voter that never was up cannot be told from one that is slow; half of them must be up.
      isQuorum(next, (id) => this.#cluster.node(id)?.state !== "broken")
    );
  }
}
