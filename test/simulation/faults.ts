// Brings the faults of a seed over a cluster, each on its own timer, until they are called off.
import type { Cluster } from "./cluster.js";
import type { EventQueue } from "./event-queue.js";
import { US_PER_MS } from "./event-queue.js";
import type { SimNode } from "./node.js";
import type { Prng } from "./prng.js";
import type { Recurring, Swarm } from "./swarm.js";
import { isApart, SHAPES } from "./topology.js";
import type { Trace } from "./trace.js";

const FLAP_MEAN_US = 40 * US_PER_MS;
const REFUSAL_MEAN_US = 20 * US_PER_MS;

export class Faults {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #cluster: Cluster;
  readonly #trace: Trace;
  #isOver = false;
  readonly #repairs = new Set<() => void>();

  constructor(events: EventQueue, prng: Prng, cluster: Cluster, trace: Trace) {
    this.#events = events;
    this.#prng = prng;
    this.#cluster = cluster;
    this.#trace = trace;
  }

  begin(swarm: Swarm): void {
    this.#recur(swarm.crashes, (forUs) => this.#crash(forUs, swarm.refusesAfterCrash));
    this.#recur(swarm.blackouts, (forUs) => this.#blackout(forUs));
    this.#recur(swarm.pauses, (forUs) => this.#pause(forUs));
    this.#recur(swarm.partitions, (forUs) => this.#partition(forUs));
    this.#recur(swarm.oneWayCuts, (forUs) => this.#cutOneWay(forUs));
    this.#recur(swarm.flapping, (forUs) => this.#flap(forUs));
    this.#cluster.network.remembers = swarm.replayEveryUs !== undefined;
    this.#every(swarm.replayEveryUs, () => this.#cluster.network.replay());
    this.#every(swarm.bitRotEveryUs, () => this.#rot());
    this.#every(swarm.nudgeEveryUs, () => this.#nudge());
    if (swarm.maxClockSkew > 1) {
      for (const node of this.#cluster.nodes) {
        const skew = 1 + this.#prng.float() * (swarm.maxClockSkew - 1);
        node.clockRate = this.#prng.chance(0.5) ? skew : 1 / skew;
      }
    }
  }

  /** No more faults, and all links as they should be. */
  end(): void {
    this.#isOver = true;
    for (const repair of this.#repairs) repair();
    this.#repairs.clear();
  }

  #recur(recurring: Recurring | undefined, strike: (forUs: number) => void): void {
    this.#every(recurring?.meanEveryUs, () => {
      strike(this.#prng.exponential(recurring?.meanForUs ?? 0));
    });
  }

  #every(meanEveryUs: number | undefined, strike: () => void): void {
    if (meanEveryUs === undefined) return;
    this.#events.after(this.#prng.exponential(meanEveryUs), () => {
      if (this.#isOver) return;
      strike();
      this.#every(meanEveryUs, strike);
    });
  }

  #node(): SimNode | undefined {
    // The leader is where it hurts most.
    return (
      (this.#prng.chance(0.3) ? this.#cluster.leader() : undefined) ??
      this.#prng.pick(this.#cluster.nodes)
    );
  }

  #crash(forUs: number, tellsOthers: boolean): void {
    const node = this.#node();
    if (node === undefined) return;
    node.crash("a fault");
    this.#events.after(forUs, () => node.start());
    if (tellsOthers) this.#tellOthersGone(node);
  }

  /** As where a process has died and its machine refuses to connect; the news may come late. */
  #tellOthersGone(gone: SimNode): void {
    for (const node of this.#cluster.nodes) {
      if (node === gone) continue;
      this.#events.after(this.#prng.exponential(REFUSAL_MEAN_US), () => {
        node.call((core) => core.reportGone(gone.id));
      });
    }
  }

  #blackout(forUs: number): void {
    for (const node of this.#cluster.nodes) {
      node.crash("a blackout");
      this.#events.after(forUs * (0.5 + this.#prng.float()), () => node.start());
    }
  }

  #pause(forUs: number): void {
    const node = this.#node();
    if (node === undefined) return;
    this.#trace.say(node.id, () => "is paused");
    node.pause();
    this.#events.after(forUs, () => {
      this.#trace.say(node.id, () => "goes on");
      node.resume();
    });
  }

  /** Whole or partial; the leader is often in the first place. */
  #partition(forUs: number): void {
    const first = this.#node();
    const others = this.#prng.shuffled(this.#cluster.nodes.filter((node) => node !== first));
    const nodes = first === undefined ? others : [first, ...others];
    const shape = this.#prng.pick(SHAPES) ?? "alone";
    this.#trace.say("net", () => `${shape}: ${nodes.map(({ id }) => id).join(" ")}`);
    for (const [left, from] of nodes.entries()) {
      for (const [right, to] of nodes.entries()) {
        if (left !== right && isApart(shape, left, right, nodes.length)) {
          this.#cut(from, to, forUs);
        }
      }
    }
  }

  #cutOneWay(forUs: number): void {
    const [from, to] = this.#prng.shuffled(this.#cluster.nodes);
    if (from === undefined || to === undefined) return;
    this.#trace.say("net", () => `cut one way: ${from.id} to ${to.id}`);
    this.#cut(from, to, forUs);
  }

  #flap(forUs: number): void {
    const node = this.#node();
    if (node === undefined) return;
    this.#trace.say("net", () => `${node.id} flaps`);
    const until = this.#events.now + forUs;
    const flap = (): void => {
      if (this.#isOver || this.#events.now >= until) return;
      const downUs = this.#prng.exponential(FLAP_MEAN_US);
      for (const other of this.#cluster.nodes) {
        if (other === node) continue;
        this.#cut(node, other, downUs);
        this.#cut(other, node, downUs);
      }
      this.#events.after(downUs + this.#prng.exponential(FLAP_MEAN_US), flap);
    };
    flap();
  }

  #cut(from: SimNode, to: SimNode, forUs: number): void {
    const mend = this.#cluster.network.cut(from.id, to.id);
    this.#repairs.add(mend);
    this.#events.after(forUs, () => {
      mend();
      this.#repairs.delete(mend);
    });
  }

  /** Only where a quorum of sound disks is left: nothing could bring the cluster back else. */
  #rot(): void {
    const node = this.#prng.pick(this.#cluster.nodes);
    if (node === undefined || !this.#cluster.canLose(node.id)) return;
    if (node.disk.rot()) this.#trace.say(node.id, () => "has a rotten record");
  }

  /** Calls that an operator or a transport may make at any time, to no harm. */
  #nudge(): void {
    const node = this.#prng.pick(this.#cluster.nodes);
    const peer = this.#prng.pick(this.#cluster.nodes);
    const kind = this.#prng.below(4);
    const priority = this.#prng.between(0, 10);
    node?.call((core) => {
      this.#trace.say(
        node.id,
        () => ["campaigns now", "unreachable", "priority", "gone"][kind] ?? "",
      );
      if (kind === 0) core.campaign();
      else if (kind === 1 && peer !== undefined) core.reportUnreachable(peer.id);
      else if (kind === 3 && peer !== undefined) core.reportGone(peer.id);
      else core.setLeadershipPriority(priority);
    });
  }
}
