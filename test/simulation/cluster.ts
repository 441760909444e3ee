// The servers of a run and the network between them: who exists, who is up, and what it takes to
// bring everything back to health.
import {
  emptyMembership,
  type Member,
  type Membership,
  type Message,
  nodeId,
} from "../../src/raft/core/index.js";
import { Disk, HEALTHY_DISK } from "./disk.js";
import type { EventQueue } from "./event-queue.js";
import { Invariants } from "./invariants.js";
import { isQuorum } from "./membership-rules.js";
import { HEALTHY_NETWORK, Network } from "./network.js";
import { type CoreFactory, SimNode } from "./node.js";
import type { Prng } from "./prng.js";
import type { Swarm } from "./swarm.js";
import type { Trace } from "./trace.js";

export class Cluster {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #swarm: Swarm;
  readonly #trace: Trace;
  readonly #createCore: CoreFactory;
  readonly bootstrap: Membership;
  readonly invariants: Invariants;
  readonly network: Network<Message>;
  readonly #nodes: SimNode[] = [];
  readonly #byId = new Map<string, SimNode>();
  #isHealed = false;

  constructor(events: EventQueue, prng: Prng, swarm: Swarm, trace: Trace, createCore: CoreFactory) {
    this.#events = events;
    this.#prng = prng;
    this.#swarm = swarm;
    this.#trace = trace;
    this.#createCore = createCore;
    const all = Array.from({ length: swarm.nodes + swarm.learners }, (_, at) => member(at + 1));
    this.bootstrap = {
      ...emptyMembership,
      voters: all.slice(0, swarm.nodes),
      learners: all.slice(swarm.nodes),
    };
    this.invariants = new Invariants(this.bootstrap);
    this.network = new Network(events, prng.fork("network"), (_from, to, message) => {
      this.#byId.get(to)?.receive(message);
    });
    this.network.conditions = swarm.network;
    while (this.#nodes.length < all.length) this.addNode(this.bootstrap);
    for (const node of this.#nodes) node.start();
  }

  get nodes(): readonly SimNode[] {
    return this.#nodes;
  }

  node(id: string): SimNode | undefined {
    return this.#byId.get(id);
  }

  /** Leader of the newest term, if there is one that knows that it leads. */
  leader(): SimNode | undefined {
    let newest: SimNode | undefined;
    for (const node of this.#nodes) {
      if (node.leads && (node.softState?.term ?? 0) > (newest?.softState?.term ?? 0)) newest = node;
    }
    return newest;
  }

  /** Who is in the leader's configuration and not broken for good; empty without a leader. */
  members(): readonly SimNode[] {
    const leader = this.leader();
    if (leader === undefined) return [];
    const { voters, outgoing, learners } = this.invariants.membershipOf(leader.id);
    return this.#nodes.filter(
      (node) =>
        node.state !== "broken" &&
        [voters, outgoing, learners].some((list) => list.some(({ id }) => id === node.id)),
    );
  }

  /** A server that joins: nobody's disk, nobody's name. */
  addNode(bootstrap: Membership = emptyMembership): SimNode {
    const number = this.#nodes.length + 1;
    const { id } = member(number);
    const prng = this.#prng.fork(id);
    const disk = new Disk(this.#events, prng.fork("disk"));
    disk.conditions = this.#isHealed ? HEALTHY_DISK : this.#swarm.disk;
    const settings = {
      ...this.#swarm,
      prng: prng.fork("node"),
      core: { ...this.#swarm.core, random: prng.fork("core").float },
    };
    const node = new SimNode(id, number, disk, bootstrap, settings, {
      events: this.#events,
      invariants: this.invariants,
      trace: this.#trace,
      createCore: this.#createCore,
      send: (message) => {
        this.network.send(message.from, message.to, this.#carried(message));
      },
    });
    this.#nodes.push(node);
    this.#byId.set(id, node);
    return node;
  }

  /** Would every configuration in force still have a quorum of sound disks without this node? */
  canLose(id: string): boolean {
    return this.invariants
      .membershipsInForce()
      .every((membership) => this.#isSound(membership, id));
  }

  /** Would this configuration have a quorum of nodes whose disks are sound? */
  isViable(membership: Membership): boolean {
    return this.#isSound(membership, undefined);
  }

  /** Everything works from now on, but what is broken for good. Down nodes start again. */
  heal(): void {
    this.#isHealed = true;
    this.network.conditions = HEALTHY_NETWORK;
    for (const node of this.#nodes) node.heal();
  }

  #isSound(membership: Membership, lost: string | undefined): boolean {
    if (membership.voters.length === 0) return true;
    const { nodes } = this;
    const sound = new Set(
      nodes.filter((node) => node.id !== lost && !node.disk.isRotten()).map((node) => node.id),
    );
    for (const node of nodes) if (node.state === "broken") sound.delete(node.id);
    return isQuorum(membership, (id) => sound.has(nodeId(id)));
  }

  /** What the other end gets: chunks of snapshots may be damaged on their way. */
  #carried(message: Message): Message {
    if (message.kind !== "snapshot-chunk" || this.#isHealed || message.data.length === 0) {
      return message;
    }
    if (!this.#prng.chance(this.#swarm.chunkCorruptionProbability)) return message;
    const data = message.data.slice();
    const at = this.#prng.below(data.length);
    data[at] = (data[at] ?? 0) ^ (1 << this.#prng.below(8));
    return { ...message, data };
  }
}

export const member = (number: number): Member => ({
  id: nodeId(`n${number}`),
  address: `simulated:${number}`,
});
