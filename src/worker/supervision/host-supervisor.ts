// Keeps the handler host of a node going: starts it, starts it again when it has ended, later each
// time where that happens again and again, and says so.
import type { BlockingType } from "../../gen/mesh/v1/blocking_type.js";
import type { Logger } from "../../telemetry/logger.js";
import type { TaskAssignment } from "../attempt.js";
import type { AttemptListener } from "../attempt-context.js";
import type { HandlerPlace } from "../handler-place.js";
import type { AttemptResult } from "../outcome.js";
import { machineMs } from "../protocol/machine-clock.js";
import type { HostedType } from "../protocol/messages.js";
import type { StopOrder } from "../stop-order.js";
import { BlockingTypes } from "./blocking-types.js";
import { HostLife, type HostLifeListener, type HostLifeOptions } from "./host-life.js";
import { processCarrier } from "./process-carrier.js";
import { threadCarrier } from "./thread-carrier.js";

/** Wait before it is started again after its second end in a row; doubles with each further one. */
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 30_000;
/** A host that has lived for so long does not count as one that ends again and again. */
const STEADY_MS = 30_000;

export interface HostSupervisorOptions {
  readonly isolation: "thread" | "process";
  readonly userModule: string;
  readonly heapMb: number;
  readonly beatMs: number;
  readonly maxBlockMs: number;
  readonly abortGraceMs: number;
  readonly logger: Pick<Logger, "info" | "warn">;
}

/** What the mesh is told of it. */
export interface HostStatus {
  /** Nothing can be started in it at this moment. */
  readonly isHeld: boolean;
  /** In words; empty: nothing. */
  readonly trouble: string;
  readonly blockingTypes: readonly BlockingType[];
}

export class HostSupervisor implements HandlerPlace {
  readonly #options: HostSupervisorOptions;
  readonly #lifeOptions: HostLifeOptions;
  readonly #blocking = new BlockingTypes();
  readonly #onChange = new Set<() => void>();
  readonly #onStatus = new Set<() => void>();
  #life: HostLife;
  #types: readonly HostedType[] = [];
  #untilMs = Number.POSITIVE_INFINITY;
  #endsInARow = 0;
  #trouble = "";
  #waiting: NodeJS.Timeout | undefined;
  #steady: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: HostSupervisorOptions) {
    this.#options = options;
    const { isolation, heapMb, userModule, beatMs, maxBlockMs, abortGraceMs } = options;
    const sharesMemory = isolation === "thread";
    const open = sharesMemory ? threadCarrier(heapMb) : processCarrier(heapMb);
    const bounds = { beatMs, maxBlockMs, abortGraceMs };
    this.#lifeOptions = { open, sharesMemory, userModule, heapMb, ...bounds };
    this.#life = this.#newLife();
  }

  /**
   * Starts a host, which loads the user's module.
   *
   * @throws UserModuleError that says what is wrong with it
   */
  static async start(options: HostSupervisorOptions): Promise<HostSupervisor> {
    const supervisor = new HostSupervisor(options);
    try {
      supervisor.#types = await supervisor.#life.loaded;
    } catch (error) {
      await supervisor.close();
      throw error;
    }
    return supervisor;
  }

  /** The types of the user's module. */
  get types(): readonly HostedType[] {
    return this.#types;
  }

  get hasFree(): boolean {
    return this.#life.isFree;
  }

  get refusal(): string | undefined {
    if (this.#life.isReady || this.#endsInARow < 2) return undefined;
    return "the node's handler host is being started again";
  }

  onChange(listener: () => void): void {
    this.#onChange.add(listener);
  }

  status(): HostStatus {
    return {
      isHeld: this.refusal !== undefined,
      trouble: this.#trouble,
      blockingTypes: this.#blocking.list(),
    };
  }

  /** Calls `listener` when the status has changed. */
  onStatus(listener: () => void): void {
    this.#onStatus.add(listener);
  }

  /** The node's lease goes on, or has ended. @param leftMs how long it still is, milliseconds */
  granted(leftMs: number): void {
    this.#untilMs = machineMs() + leftMs;
    this.#life.granted(this.#untilMs);
  }

  run(
    assignment: TaskAssignment,
    maxResultBytes: number,
    order: StopOrder,
    listener: AttemptListener,
  ): Promise<AttemptResult> {
    return this.#life.run(assignment, maxResultBytes, order, listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#waiting);
    clearTimeout(this.#steady);
    await this.#life.stop();
  }

  #newLife(): HostLife {
    const listener: HostLifeListener = {
      changed: () => this.#changed(),
      blocked: ({ type, taskId }, forMs) => this.#blockedBy(type, taskId, forMs),
      printed: (assignment, stream, text) => {
        const { taskId, type: taskType, attempt } = assignment ?? {};
        this.#options.logger.info({ taskId, taskType, attempt, stream }, text);
      },
      ended: ({ why, culprit }) => {
        if (!this.#closed) this.#ended(why, culprit);
      },
    };
    const life = new HostLife(this.#lifeOptions, this.#untilMs, listener);
    // Its end tells of it, too.
    life.loaded.catch(() => undefined);
    return life;
  }

  #blockedBy(type: string, taskId: string, forMs: number): void {
    if (!this.#blocking.note(type, forMs, performance.now())) return;
    const fields = { taskType: type, taskId, durationMs: forMs };
    const message = "a handler let nothing else run in its thread: give its type `thread: true`";
    this.#options.logger.warn(fields, message);
    this.#statusChanged();
  }

  #ended(why: string, culprit: TaskAssignment | undefined): void {
    clearTimeout(this.#steady);
    this.#endsInARow += 1;
    const ends = this.#endsInARow;
    const waitMs = ends < 2 ? 0 : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (ends - 2));
    if (ends > 1) {
      this.#trouble = `the handler host has ended ${ends} times in a row, the last time because ${why}`;
    }
    const fields = { taskType: culprit?.type, taskId: culprit?.taskId, retryInMs: waitMs };
    this.#options.logger.warn(fields, `the handler host has ended and is started again: ${why}`);
    this.#waiting = setTimeout(() => this.#restart(), waitMs);
    this.#changed();
    this.#statusChanged();
  }

  #restart(): void {
    const life = this.#newLife();
    this.#life = life;
    life.loaded.then(
      (types) => {
        if (this.#closed) return;
        if (namesOf(types) !== namesOf(this.#types)) {
          const fields = { types: types.map(({ name }) => name) };
          const message = "the types of worker.handlers have changed: start the node again";
          this.#options.logger.warn(fields, message);
        }
        this.#steady = setTimeout(() => {
          this.#endsInARow = 0;
          this.#trouble = "";
          this.#statusChanged();
        }, STEADY_MS);
        this.#statusChanged();
      },
      (error: unknown) => {
        this.#options.logger.warn({ err: error }, "the handler host could not load the module");
      },
    );
  }

  #changed(): void {
    for (const listener of this.#onChange) listener();
  }

  #statusChanged(): void {
    for (const listener of this.#onStatus) listener();
  }
}

function namesOf(types: readonly HostedType[]): string {
  return JSON.stringify(types.map(({ name, thread }) => [name, thread]).sort());
}
