// Load: clients that write unique values to registers and read them through any node, give up when
// an answer takes too long, and note what they saw.
import type { Cluster } from "./cluster.js";
import type { EventQueue } from "./event-queue.js";
import type { History } from "./history.js";
import type { SimNode } from "./node.js";
import type { Prng } from "./prng.js";
import { encodeWrite } from "./state-machine.js";
import type { Swarm } from "./swarm.js";

export class Clients {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #cluster: Cluster;
  readonly #history: History;
  readonly #swarm: Swarm;
  #nextValue = 1;
  #isStopped = false;
  #readShare: number;
  #expectsProgress = false;
  /** Operations that succeeded, by client, since the last {@link expectProgress}. */
  #progress: { reads: number; writes: number }[] = [];

  constructor(events: EventQueue, prng: Prng, cluster: Cluster, history: History, swarm: Swarm) {
    this.#events = events;
    this.#prng = prng;
    this.#cluster = cluster;
    this.#history = history;
    this.#swarm = swarm;
    this.#readShare = swarm.readShare;
  }

  begin(): void {
    for (let client = 0; client < this.#swarm.clients; client += 1) this.#think(client);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** From now on clients read and write alike, so that each must get some of both through. */
  expectProgress(): void {
    this.#expectsProgress = true;
    this.#readShare = 0.5;
    this.#progress = Array.from({ length: this.#swarm.clients }, () => ({ reads: 0, writes: 0 }));
  }

  /** Every client has got something of both kinds through. */
  hasProgressed(): boolean {
    return this.#progress.every(({ reads, writes }) => reads > 0 && writes > 0);
  }

  #think(client: number): void {
    this.#events.after(this.#prng.exponential(this.#swarm.meanThinkUs), () => {
      if (this.#isStopped) return;
      if (this.#prng.chance(this.#readShare)) this.#read(client);
      else this.#write(client);
    });
  }

  #write(client: number): void {
    // A client asks whoever it believes to lead, and is sometimes wrong.
    const node = this.#prng.chance(0.8)
      ? (this.#cluster.leader() ?? this.#anyNode())
      : this.#anyNode();
    const count = this.#prng.between(1, this.#swarm.maxBatch);
    const writes = Array.from({ length: count }, () => {
      const key = this.#prng.below(this.#swarm.keys);
      const value = this.#nextValue;
      this.#nextValue += 1;
      const padding = this.#prng.between(0, this.#swarm.maxPaddingBytes);
      return {
        data: encodeWrite(key, value, padding),
        pending: this.#history.invokeWrite(key, value),
        isOpen: true,
      };
    });
    let open = count;
    const close = (place: number, note: (write: (typeof writes)[number]) => void): void => {
      const write = writes[place];
      if (write?.isOpen !== true) return;
      write.isOpen = false;
      note(write);
      open -= 1;
      if (open === 0) this.#think(client);
    };
    const isAccepted = node?.propose(
      writes.map(({ data }) => data),
      (place, outcome) =>
        close(place, ({ pending }) => {
          if (outcome === "replaced") this.#history.fail(pending);
          else if (outcome === "unknown") this.#history.giveUp(pending);
          else {
            this.#history.succeed(pending);
            this.#note(client, "writes");
          }
        }),
    );
    if (isAccepted !== true) {
      for (const { pending } of writes) this.#history.fail(pending);
      this.#think(client);
      return;
    }
    this.#events.after(this.#swarm.timeoutUs, () => {
      for (const place of writes.keys()) {
        close(place, ({ pending }) => this.#history.giveUp(pending));
      }
    });
  }

  #read(client: number): void {
    const node = this.#anyNode();
    const key = this.#prng.below(this.#swarm.keys);
    const pending = this.#history.invokeRead(key);
    let isOpen = true;
    const close = (): boolean => {
      const wasOpen = isOpen;
      isOpen = false;
      if (wasOpen) this.#think(client);
      return wasOpen;
    };
    const isAsked = node?.readIndex((index) => {
      if (!close()) return;
      if (index === undefined) {
        this.#history.fail(pending);
        return;
      }
      this.#history.succeed(pending, node.machine.read(key));
      this.#note(client, "reads");
    });
    if (isAsked !== true) {
      if (close()) this.#history.fail(pending);
      return;
    }
    this.#events.after(this.#swarm.timeoutUs, () => {
      if (close()) this.#history.giveUp(pending);
    });
  }

  #note(client: number, kind: "reads" | "writes"): void {
    const progress = this.#progress[client];
    if (progress !== undefined) progress[kind] += 1;
  }

  /** A server; while progress is expected, not one that was removed. */
  #anyNode(): SimNode | undefined {
    const members = this.#expectsProgress ? this.#cluster.members() : [];
    return this.#prng.pick(members.length > 0 ? members : this.#cluster.nodes);
  }
}
