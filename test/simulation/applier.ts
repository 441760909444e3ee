// A server's state machine and what is done with it: entries are applied in order, perhaps a while
// after they were handed out, received snapshots take its place, and own ones are taken of it.
import type { Entry, LogIndex, NodeId, SnapshotMeta } from "../../src/raft/core/index.js";
import type { Disk } from "./disk.js";
import type { EventQueue, TimeUs } from "./event-queue.js";
import type { Invariants } from "./invariants.js";
import type { OpenRequests } from "./open-requests.js";
import type { Prng } from "./prng.js";
import { checksum, StateMachine } from "./state-machine.js";
import type { Trace } from "./trace.js";
import { Violation } from "./violation.js";

export interface ApplierSettings {
  readonly meanApplyUs: TimeUs;
  /** A snapshot is taken after that many entries. */
  readonly snapshotEvery: number;
  readonly snapshotPaddingBytes: number;
  /** Entries kept in front of a snapshot for followers that are a little behind. */
  readonly keepEntries: number;
  /** The state machine survives a crash, as one that lives in another process does. */
  readonly isMachineDurable: boolean;
}

/** What the applier asks and tells of a core. */
interface AppliedCore {
  applied(index: LogIndex): void;
  membershipAt(index: LogIndex): SnapshotMeta["membership"] | undefined;
}

interface World {
  readonly events: EventQueue;
  readonly invariants: Invariants;
  readonly trace: Trace;
}

export class Applier {
  readonly #id: NodeId;
  readonly #disk: Disk;
  readonly #settings: ApplierSettings;
  readonly #prng: Prng;
  readonly #open: OpenRequests;
  readonly #world: World;
  readonly #input: (use: (core: AppliedCore) => void) => void;
  /** Mean time from handing out to applying; 0 for at once. */
  meanApplyUs: TimeUs;
  /** False for a node that is to keep its whole log from now on. */
  takesSnapshots = true;
  #machine = new StateMachine();
  #snapshotIndex = 0;
  #queue: ((core: AppliedCore) => void)[] = [];
  #life = 0;

  constructor(
    id: NodeId,
    disk: Disk,
    settings: ApplierSettings,
    prng: Prng,
    open: OpenRequests,
    world: World,
    /** Runs something as an input of the node, if it is up. */
    input: (use: (core: AppliedCore) => void) => void,
  ) {
    this.#id = id;
    this.#disk = disk;
    this.#settings = settings;
    this.#prng = prng;
    this.#open = open;
    this.#world = world;
    this.#input = input;
    this.meanApplyUs = settings.meanApplyUs;
  }

  get machine(): StateMachine {
    return this.#machine;
  }

  /** The state machine as the node finds it when it starts. */
  start(): void {
    const snapshot = this.#disk.snapshot();
    if (!this.#settings.isMachineDurable || this.#machine.appliedIndex < (snapshot?.index ?? 0)) {
      this.#machine =
        snapshot === undefined
          ? new StateMachine()
          : StateMachine.restore(this.#disk.snapshotData(snapshot));
    }
    this.#snapshotIndex = snapshot?.index ?? 0;
  }

  stop(): void {
    this.#life += 1;
    this.#queue = [];
  }

  /** A snapshot on disk takes the place of the state machine. */
  restore(core: AppliedCore, meta: SnapshotMeta): void {
    // Read at once: a later one may have taken its place on disk when its turn comes.
    const data = this.#disk.snapshotData(meta);
    this.#enqueue(core, (then) => {
      this.#machine = StateMachine.restore(data);
      this.#snapshotIndex = meta.index;
      this.#world.invariants.applied(this.#id, this.#machine.appliedIndex, this.#machine.hash);
      this.#open.noteRestored(meta.index);
      then.applied(meta.index);
    });
  }

  apply(core: AppliedCore, committed: readonly Entry[]): void {
    const last = committed.at(-1);
    if (last === undefined) return;
    this.#enqueue(core, (then) => {
      for (const entry of committed) {
        this.#machine.apply(entry);
        this.#world.invariants.applied(this.#id, entry.index, this.#machine.hash);
        this.#open.noteApplied(entry.index, entry.term);
      }
      this.#world.trace.note("applied", last.index, this.#machine.hash);
      then.applied(last.index);
      const isDue = last.index - this.#snapshotIndex >= this.#settings.snapshotEvery;
      if (isDue && this.takesSnapshots) {
        this.#takeSnapshot(then, last);
      }
    });
  }

  #enqueue(core: AppliedCore, task: (core: AppliedCore) => void): void {
    if (this.meanApplyUs === 0 && this.#queue.length === 0) {
      task(core);
      return;
    }
    this.#queue.push(task);
    if (this.#queue.length === 1) this.#runLater();
  }

  #runLater(): void {
    const life = this.#life;
    this.#world.events.after(this.#prng.exponential(this.meanApplyUs), () => {
      if (life !== this.#life) return;
      this.#input((core) => {
        if (life !== this.#life) return;
        this.#queue.shift()?.(core);
        this.#open.answerReads(this.#machine.appliedIndex);
        if (this.#queue.length > 0) this.#runLater();
      });
    });
  }

  #takeSnapshot(core: AppliedCore, { index, term }: Entry): void {
    if (index <= (this.#disk.snapshot()?.index ?? 0)) return;
    const membership = core.membershipAt(index);
    if (membership === undefined) {
      throw new Violation("driver contract", `${this.#id}: no membership at applied ${index}`);
    }
    // A server that joined knows no configuration before the first that its log holds.
    if (membership.voters.length === 0) return;
    const data = this.#machine.serialize(this.#settings.snapshotPaddingBytes);
    const meta = { index, term, membership, sizeBytes: data.length, checksum: checksum(data) };
    this.#snapshotIndex = index;
    this.#world.invariants.snapshotTaken(this.#id, meta);
    this.#disk.saveSnapshot(meta, data, () => {
      this.#world.trace.note("snapshot", index, meta.checksum);
      this.#world.trace.say(this.#id, () => `has its snapshot ${index} on disk`);
      this.#disk.compact(index - this.#settings.keepEntries);
    });
  }
}
