// Links that stay down, as behind a broken switch, in a cluster that is healthy else. While one server
// reaches a majority both ways, a leader must be elected that stays, whatever the logs lacked before,
// and terms must not go on growing (Omni-Paxos, EuroSys 2023, section 2).
import type { Membership } from "../../src/raft/core/index.js";
import type { Cluster } from "./cluster.js";
import { type EventQueue, type TimeUs, US_PER_MS, US_PER_S } from "./event-queue.js";
import { isQuorum } from "./membership-rules.js";
import type { SimNode } from "./node.js";
import type { Prng } from "./prng.js";
import { isApart, type Shape, SHAPES } from "./topology.js";
import type { Trace } from "./trace.js";
import { Violation } from "./violation.js";

export interface LastingCuts {
  /** Partitions before the lasting one, each right after the other: they make the logs differ. */
  readonly rounds: number;
  readonly meanRoundUs: TimeUs;
  readonly shape: Extract<Shape, "chain" | "star" | "link"> | "random";
  /** The star's centre is cut off at first, so that it lacks what the others commit meanwhile. */
  readonly isOutdated: boolean;
  /** Of each further link, and of the star's own as far as a majority is left. */
  readonly downProbability: number;
}

/** Everyone has what is compacted anywhere: compaction stops that long before the first partition. */
const SETTLE_US = US_PER_S;
/** Check-quorum and some elections that may collide take 2 s each at the longest timeouts. */
const MUST_LEAD_WITHIN_US = 40 * US_PER_S;
/** So long nothing may change; several times the longest election timeout. */
const MUST_STAY_US = 8 * US_PER_S;
const CHECK_EVERY_US = 250 * US_PER_MS;

type Link = readonly [SimNode, SimNode];

export class LastingCutsPhase {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #cluster: Cluster;
  readonly #trace: Trace;
  #mends: (() => void)[] = [];

  constructor(events: EventQueue, prng: Prng, cluster: Cluster, trace: Trace) {
    this.#events = events;
    this.#prng = prng;
    this.#cluster = cluster;
    this.#trace = trace;
  }

  /** True where there was a server that had to lead. Throws {@link Violation} where none does. */
  run(cuts: LastingCuts): boolean {
    for (const node of this.#cluster.nodes) node.keepWholeLog();
    this.#pass(SETTLE_US);
    for (let round = 0; round < cuts.rounds; round += 1) this.#partition(cuts);
    if (cuts.isOutdated || cuts.shape === "star") this.#star(cuts);
    else this.#cut(cuts.shape, this.#linksOf(cuts));
    const isJudged = this.#awaitLeader();
    this.#mend();
    return isJudged;
  }

  #pass(us: TimeUs): void {
    const until = this.#events.now + us;
    while (this.#events.runNext(until));
  }

  #partition({ meanRoundUs }: LastingCuts): void {
    const nodes = this.#order();
    const shape = this.#prng.pick(SHAPES) ?? "alone";
    this.#cut(shape, linksApart(shape, nodes));
    if (this.#prng.chance(0.3)) {
      const node = this.#prng.pick(nodes);
      node?.crash("a fault before the lasting cuts");
      node?.start();
    }
    this.#pass(this.#prng.exponential(meanRoundUs));
  }

  /** The leader is where it hurts most: it is often the first. */
  #order(): readonly SimNode[] {
    const nodes = this.#prng.shuffled(this.#cluster.nodes);
    const leader = this.#cluster.leader();
    if (leader === undefined || this.#prng.chance(0.5)) return nodes;
    return [leader, ...nodes.filter((node) => node !== leader)];
  }

  #star(cuts: LastingCuts): void {
    const leader = this.#cluster.leader();
    const others = this.#prng.shuffled(this.#cluster.nodes.filter((node) => node !== leader));
    const nodes = leader === undefined ? others : [...others, leader];
    if (cuts.isOutdated) {
      this.#cut("alone", linksApart("alone", nodes));
      this.#pass(this.#prng.exponential(cuts.meanRoundUs));
    }
    const [centre] = nodes;
    const links = linksApart("star", nodes);
    const own = nodes.slice(1).reverse();
    for (const [place, node] of own.entries()) {
      const left = new Set([centre, ...own.slice(place + 1)]);
      const isEnough = this.#forces().every((force) =>
        isQuorum(force, (id) => [...left].some((each) => each?.id === id)),
      );
      if (centre === undefined || !isEnough || !this.#prng.chance(cuts.downProbability)) break;
      links.push([centre, node]);
    }
    this.#cut("star", links);
  }

  #linksOf({ shape, downProbability }: LastingCuts): Link[] {
    const nodes = this.#order();
    if (shape !== "random") return linksApart(shape, nodes);
    return nodes.flatMap((left, at) =>
      nodes
        .slice(at + 1)
        .filter(() => this.#prng.chance(downProbability))
        .map((right): Link => [left, right]),
    );
  }

  /** These links and no others are down from now on. */
  #cut(name: string, links: readonly Link[]): void {
    this.#mend();
    this.#trace.say("net", () => {
      const down = links.map(([left, right]) => `${left.id}-${right.id}`);
      return `${name}, down for long: ${down.join(" ")}`;
    });
    for (const [left, right] of links) {
      this.#mends.push(this.#cluster.network.cut(left.id, right.id));
      this.#mends.push(this.#cluster.network.cut(right.id, left.id));
    }
  }

  #mend(): void {
    for (const mend of this.#mends) mend();
    this.#mends = [];
  }

  #forces(): readonly Membership[] {
    return this.#cluster.invariants.membershipsInForce();
  }

  /** Votes and reaches a quorum both ways, whichever configuration turns out to be in force. */
  #canLead(node: SimNode): boolean {
    const { network } = this.#cluster;
    const reaches = (id: string): boolean => {
      const other = this.#cluster.node(id);
      if (other?.state !== "up") return false;
      return other === node || !(network.isCut(node.id, id) || network.isCut(id, node.id));
    };
    const isVoter = ({ voters }: Membership): boolean => voters.some(({ id }) => id === node.id);
    return (
      node.state === "up" &&
      this.#forces().every((force) => isVoter(force) && isQuorum(force, reaches))
    );
  }

  #awaitLeader(): boolean {
    const { invariants, nodes } = this.#cluster;
    const deadline = this.#events.now + MUST_LEAD_WITHIN_US;
    let state = "";
    let since = this.#events.now;
    let commitThen = invariants.global.commit;
    while (nodes.some((node) => this.#canLead(node))) {
      const leader = this.#cluster.leader();
      const now = `${leader?.id ?? "nobody"} leads; ${nodes.map(describeTerm).join(", ")}`;
      if (now !== state || leader === undefined) {
        state = now;
        since = this.#events.now;
        commitThen = invariants.global.commit;
      }
      const isLasting = this.#events.now - since >= MUST_STAY_US;
      if (isLasting && invariants.global.commit > commitThen) return true;
      if (this.#events.now >= deadline) {
        const able = nodes.filter((node) => this.#canLead(node)).map(({ id }) => id);
        const detail = `${able.join(" ")} could lead; ${state}`;
        throw new Violation("liveness under lasting cuts", detail);
      }
      this.#pass(CHECK_EVERY_US);
    }
    // Nobody could lead, or not any more: a disk was found to be rotten.
    return false;
  }
}

const linksApart = (shape: Shape, nodes: readonly SimNode[]): Link[] =>
  nodes.flatMap((left, at) =>
    nodes
      .slice(at + 1)
      .filter((_, beyond) => isApart(shape, at, at + 1 + beyond, nodes.length))
      .map((right): Link => [left, right]),
  );

const describeTerm = ({ id, disk }: SimNode): string => `${id} t${disk.hardState.term}`;
