// One simulated server: the driver of a core, keeping the duties that `Ready` names, between a disk
// and a network that misbehave.
import {
  logIndex,
  type Membership,
  type Message,
  type NodeId,
  type RaftCore,
  type RaftCoreOptions,
  type Ready,
  type SoftState,
  type Write,
} from "../../src/raft/core/index.js";
import { Applier, type ApplierSettings } from "./applier.js";
import { type Disk, HEALTHY_DISK, StorageCorrupt, type WriteOutcome } from "./disk.js";
import type { EventQueue } from "./event-queue.js";
import type { Invariants } from "./invariants.js";
import { tellsCommit } from "./observed.js";
import { OpenRequests, type ProposalOutcome } from "./open-requests.js";
import type { Prng } from "./prng.js";
import type { StateMachine } from "./state-machine.js";
import { describeMessage, describeReady, describeWrite, type Trace } from "./trace.js";
import { Violation } from "./violation.js";

/** What the simulation needs of a core: the checkers' own tests put broken ones in its place. */
export type Core = Pick<RaftCore, keyof RaftCore>;
export type CoreFactory = (options: RaftCoreOptions) => Core;

export interface NodeSettings extends ApplierSettings {
  readonly tickUs: number;
  readonly prng: Prng;
  readonly core: Omit<RaftCoreOptions, "id" | "log" | "hardState" | "membership" | "applied">;
}

/** What a node is part of. */
export interface Surroundings {
  readonly events: EventQueue;
  readonly invariants: Invariants;
  readonly trace: Trace;
  readonly createCore: CoreFactory;
  readonly send: (message: Message) => void;
}

/** "broken" is for good: its disk lost data, and says so. */
export type NodeState = "up" | "down" | "broken";

/** Batches that one input may lead to. More means that the core never comes to rest. */
const MAX_BATCHES_PER_INPUT = 1_000;
/** Inputs that wait for a paused node; what is more is lost. */
const MAX_INBOX = 2_000;

export class SimNode {
  readonly #bootstrap: Membership;
  readonly #settings: NodeSettings;
  readonly #world: Surroundings;
  state: NodeState = "down";
  softState: SoftState | undefined;
  /** Length of this node's tick as a multiple of the true one. */
  clockRate = 1;
  #core: Core | undefined;
  readonly #applier: Applier;
  #isPaused = false;
  #inbox: (() => void)[] = [];
  readonly #open = new OpenRequests();
  #life = 0;

  constructor(
    readonly id: NodeId,
    readonly number: number,
    readonly disk: Disk,
    bootstrap: Membership,
    settings: NodeSettings,
    world: Surroundings,
  ) {
    this.#bootstrap = bootstrap;
    this.#settings = settings;
    this.#world = world;
    const input = (use: (core: Core) => void): void => this.#input(use);
    this.#applier = new Applier(id, disk, settings, settings.prng, this.#open, world, input);
  }

  get machine(): StateMachine {
    return this.#applier.machine;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get leads(): boolean {
    return this.state === "up" && this.softState?.role === "leader";
  }

  start(): void {
    if (this.state !== "down") return;
    const world = this.#world;
    const { disk } = this;
    this.#life += 1;
    try {
      disk.check();
    } catch (error) {
      if (!(error instanceof StorageCorrupt)) throw error;
      this.#break(error);
      return;
    }
    this.#applier.start();
    const applied = this.machine.appliedIndex;
    world.trace.note("start", this.number, disk.lastIndex());
    world.trace.say(this.id, () => {
      const { term, vote, commit } = disk.hardState;
      const log = `log ${disk.firstIndex()}..${disk.lastIndex()}`;
      return `starts: t${term} vote=${vote ?? "-"} commit=${commit} ${log} applied=${applied}`;
    });
    this.state = "up";
    this.softState = undefined;
    world.invariants.started(this.id, disk, this.#bootstrap, applied);
    this.#run(() => {
      this.#core = world.createCore({
        ...this.#settings.core,
        id: this.id,
        log: disk,
        hardState: disk.hardState,
        membership: this.#bootstrap,
        applied: logIndex(applied),
      });
    });
    this.#scheduleTick(this.#life);
  }

  /** Stops at once; what was not synced may be lost, and who waited here does not get an answer. */
  crash(why: string): void {
    if (this.state !== "up") return;
    this.#world.trace.note("crash", this.number, this.#life);
    this.#world.trace.say(this.id, () => `crashes: ${why}`);
    this.#stop();
    this.state = "down";
  }

  pause(): void {
    if (this.state === "up") this.#isPaused = true;
  }

  /** Goes on with everything that came in meanwhile. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const input of inbox) input();
  }

  /** Works as it should from now on, and starts if it is down. */
  heal(): void {
    this.clockRate = 1;
    this.disk.conditions = HEALTHY_DISK;
    this.#applier.meanApplyUs = 0;
    this.resume();
    this.start();
  }

  /** Takes no more snapshots, and so compacts nothing. */
  keepWholeLog(): void {
    this.#applier.takesSnapshots = false;
  }

  receive(message: Message): void {
    this.#input((core) => {
      this.#world.trace.note(message.kind, this.number, message.term);
      this.#world.trace.say(this.id, () => `got ${message.from} ${describeMessage(message)}`);
      core.step(message);
    });
  }

  /** Runs something on the core now; undefined where the node does not answer. */
  call<Result>(use: (core: Core) => Result): Result | undefined {
    if (this.state !== "up" || this.#isPaused) return undefined;
    return this.#run((core) => {
      // What is committed now was decided under the configuration in force now.
      this.#world.invariants.told(this.id, core.status());
      return use(core);
    });
  }

  /** Proposes commands; `done` is called once for each that was accepted. False where refused. */
  propose(
    commands: readonly Uint8Array[],
    done: (place: number, how: ProposalOutcome) => void,
  ): boolean {
    let isAccepted = false;
    this.call((core) => {
      const result = core.propose(commands);
      if (result.kind === "refused") return;
      isAccepted = true;
      this.#world.trace.note("propose", this.number, result.index);
      this.#world.trace.say(this.id, () => `proposes ${commands.length} at ${result.index}`);
      for (let place = 0; place < commands.length; place += 1) {
        const index = result.index + place;
        this.#open.addProposal(index, result.term, (outcome) => done(place, outcome));
      }
    });
    return isAccepted;
  }

  /** Asks for a read index and waits until it is applied; undefined where that was given up. */
  readIndex(done: (index: number | undefined) => void): boolean {
    const isAsked = this.call((core) => {
      core.readIndex(this.#open.addRead(this.#world.invariants.global.commit, done));
      return true;
    });
    return isAsked === true;
  }

  #scheduleTick(life: number): void {
    const { events, trace } = this.#world;
    let passed = 0;
    const tick = (): void => {
      if (life !== this.#life || this.state !== "up") return;
      events.after(this.#settings.tickUs * this.clockRate, tick);
      passed += 1;
      // A timer that fires again while the process is stopped fires once when it goes on.
      if (this.#isPaused && passed > 1) return;
      this.#input((core) => {
        trace.note("tick", this.number, 0);
        core.tick(passed);
        passed = 0;
      });
    };
    events.after(this.#settings.tickUs * this.clockRate * this.#settings.core.random(), tick);
  }

  #input(use: (core: Core) => void): void {
    if (this.state !== "up") return;
    if (!this.#isPaused) {
      this.#run(use);
      return;
    }
    const life = this.#life;
    if (this.#inbox.length >= MAX_INBOX) return;
    this.#inbox.push(() => {
      if (life === this.#life) this.#input(use);
    });
  }

  /** An input, and everything that follows from it. */
  #run<Result>(use: (core: Core) => Result): Result | undefined {
    try {
      const result = use(this.#core as Core);
      this.#takeBatches();
      return result;
    } catch (error) {
      if (error instanceof StorageCorrupt) {
        this.#stop();
        this.#break(error);
        return undefined;
      }
      if (error instanceof Violation) throw error;
      const what = error instanceof Error ? error.message : String(error);
      throw new Violation("core threw", `${this.id}: ${what}`, { cause: error });
    }
  }

  #takeBatches(): void {
    let batches = 0;
    while (this.#core?.hasReady() === true) {
      const ready = this.#core.ready();
      // A long log is handed out in as many batches as it takes.
      if (ready.committed.length === 0) batches += 1;
      if (batches > MAX_BATCHES_PER_INPUT) {
        throw new Violation("driver contract", `${this.id} never comes to rest`);
      }
      this.#take(this.#core, ready);
    }
  }

  #take(core: Core, ready: Ready): void {
    const { invariants, trace } = this.#world;
    for (const line of trace.isHeard ? describeReady(ready) : []) trace.say(this.id, () => line);
    invariants.handedOut(this.id, ready, tellsCommit(ready) ? core.status() : undefined);
    if (ready.softState !== undefined) this.softState = ready.softState;
    for (const message of ready.messages) invariants.leaves(message);
    this.#sendAll(ready.messages);
    if (ready.write !== undefined) this.#write(ready.write);
    if (ready.restore !== undefined) this.#applier.restore(core, ready.restore);
    this.#applier.apply(core, ready.committed);
    for (const { requestId, readIndex } of ready.reads) {
      const commitWhenAsked = this.#open.noteReadIndex(requestId, readIndex);
      if (readIndex !== undefined) invariants.readAnswered(this.id, readIndex, commitWhenAsked);
    }
    this.#open.answerReads(this.machine.appliedIndex);
  }

  #sendAll(messages: readonly Message[]): void {
    const { trace, send } = this.#world;
    for (const message of messages) {
      trace.say(this.id, () => describeMessage(message));
      send(message);
    }
  }

  #write(write: Write): void {
    const life = this.#life;
    this.#world.trace.say(this.id, () => describeWrite(write));
    this.disk.submit(write, (outcome) => {
      if (life !== this.#life) return;
      if (outcome === "sync-failed") {
        this.crash("a sync failed");
        return;
      }
      // What they promise is on disk now; a node that is paused sends them later.
      for (const message of write.messagesAfter) this.#world.invariants.leaves(message);
      this.#input((core) => this.#notePersisted(core, write, outcome));
    });
  }

  #notePersisted(core: Core, write: Write, outcome: WriteOutcome): void {
    this.#world.trace.note("persisted", this.number, write.sequence);
    this.#world.trace.say(this.id, () => `has #${write.sequence} on disk`);
    if (outcome === "snapshot-corrupt") {
      this.#world.invariants.snapshotWasCorrupt(this.id, this.#bootstrap);
      core.persistedButSnapshotCorrupt(write.sequence);
    } else {
      core.persisted(write.sequence);
    }
    this.#sendAll(write.messagesAfter);
  }

  #stop(): void {
    this.#life += 1;
    this.#core = undefined;
    this.#isPaused = false;
    this.#inbox = [];
    this.softState = undefined;
    this.disk.crash();
    this.#applier.stop();
    this.#world.invariants.stopped(this.id);
    this.#open.abandon();
  }

  #break(error: StorageCorrupt): void {
    this.state = "broken";
    this.#world.trace.note("broken", this.number, this.#life);
    this.#world.trace.say(this.id, () => `stays down, its storage is corrupt: ${error.message}`);
  }
}
