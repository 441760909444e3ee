// One life of a handler host, as its node sees it: hands attempts over and takes their ends back,
// listens for signs of life, and ends it where it gives none.
import type { TaskAssignment } from "../attempt.js";
import type { AttemptListener } from "../attempt-context.js";
import { UserModuleError } from "../errors.js";
import { startTimeout } from "../long-timeout.js";
import type { AttemptResult } from "../outcome.js";
import { BatchSender } from "../protocol/batch-sender.js";
import type { AttemptNumber, FromHost, HostedType, ToHost } from "../protocol/messages.js";
import { SharedCell } from "../protocol/shared-cell.js";
import type { StopOrder } from "../stop-order.js";
import { LOAD_MS } from "../user-module.js";
import type { HostCarrier, HostEnd, OpenCarrier } from "./carrier.js";
import { type HostEvidence, type HostVerdict, verdictOf } from "./host-verdict.js";

/** The host gives the module LOAD_MS to load; a module that lets nothing else run keeps it from saying so. */
const START_MS = LOAD_MS + 2_000;
/** Beats without an answer after which nothing more is handed over. */
const SILENT_BEATS = 2;

export interface HostLifeOptions {
  readonly open: OpenCarrier;
  /** Whether it shares this process's memory. */
  readonly sharesMemory: boolean;
  readonly userModule: string;
  readonly heapMb: number;
  /** Signs of life are asked for this often. */
  readonly beatMs: number;
  /** A host that has given no sign of life for this long is ended. */
  readonly maxBlockMs: number;
  /** The same, where an attempt was told to stop; and how long it may take to end. */
  readonly abortGraceMs: number;
}

export interface HostLifeListener {
  /** It has begun, or ceased, to answer. */
  readonly changed: () => void;
  readonly blocked: (assignment: TaskAssignment, forMs: number) => void;
  readonly printed: (assignment: TaskAssignment | undefined, stream: string, text: string) => void;
  /** Called once; its attempts have been settled. */
  readonly ended: (verdict: HostVerdict) => void;
}

interface HostedAttempt {
  readonly assignment: TaskAssignment;
  readonly listener: AttemptListener;
  readonly settle: (result: AttemptResult) => void;
}

export class HostLife {
  readonly #options: HostLifeOptions;
  readonly #listener: HostLifeListener;
  readonly #carrier: HostCarrier;
  readonly #outbox: BatchSender<ToHost>;
  readonly #cell: SharedCell | undefined;
  readonly #attempts = new Map<AttemptNumber, HostedAttempt>();
  /** Resolves with the types of its module; rejects with a UserModuleError. */
  readonly loaded: Promise<readonly HostedType[]>;
  readonly #over: Promise<void>;
  #settleLoad:
    { resolve(types: readonly HostedType[]): void; reject(error: Error): void } | undefined;
  #beat: NodeJS.Timeout | undefined;
  #stopStartTimer: () => void = () => undefined;
  #lastNumber: AttemptNumber = 0;
  #sequence = 0;
  #acknowledged = 0;
  /** An attempt is to stop: the host is to have heard of it, by this grant at the latest. */
  #mustHear: number | undefined;
  /** By each beat that has not been answered, the last attempt that was assigned before. */
  readonly #assignedBefore = new Map<number, AttemptNumber>();
  #untilMs: number;
  #sentUntilMs = Number.NaN;
  #ready = false;
  #ended = false;
  #onOver: () => void = () => undefined;
  #fallen: HostEvidence["fallen"];
  #blocked: HostEvidence["blocked"];

  /** @param untilMs what is known of the lease, on the clock of the machine */
  constructor(options: HostLifeOptions, untilMs: number, listener: HostLifeListener) {
    this.#options = options;
    this.#listener = listener;
    this.#untilMs = untilMs;
    const { userModule } = options;
    this.#cell = options.sharesMemory ? new SharedCell() : undefined;
    this.loaded = new Promise((resolve, reject) => {
      this.#settleLoad = { resolve, reject };
    });
    this.#over = new Promise((resolve) => {
      this.#onOver = resolve;
    });
    this.#carrier = options.open(
      { userModule, cell: this.#cell?.buffer },
      {
        batch: (batch) => {
          for (const message of batch) this.#take(message);
        },
        end: (end) => this.#end(end),
      },
    );
    this.#outbox = new BatchSender((batch) => this.#send(batch));
    this.#stopStartTimer = startTimeout(START_MS, () => {
      const reason = `it let nothing else run for ${START_MS} ms while it was loaded`;
      this.#refuse(new UserModuleError("never_settles", userModule, reason));
      this.#carrier.terminate();
    });
  }

  /** Whether it takes attempts now. */
  get isFree(): boolean {
    return this.#ready && !this.#ended && this.#silentBeats < SILENT_BEATS;
  }

  get isReady(): boolean {
    return this.#ready && !this.#ended;
  }

  run(
    assignment: TaskAssignment,
    maxResultBytes: number,
    order: StopOrder,
    listener: AttemptListener,
  ): Promise<AttemptResult> {
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    return new Promise((resolve) => {
      this.#attempts.set(number, { assignment, listener, settle: resolve });
      this.#outbox.add({ kind: "assign", number, assignment, maxResultBytes });
      order.onGiven((reason) => {
        if (!this.#attempts.has(number) || this.#ended) return;
        this.#outbox.add({ kind: "cancel", number, reason });
        this.#mustHear ??= this.#sequence + 1;
      });
    });
  }

  /** The node's lease goes on, or has ended. @param untilMs on the clock of the machine */
  granted(untilMs: number): void {
    this.#untilMs = untilMs;
    if (this.#ready) this.#grant();
  }

  /** Waits for its handlers, which were all told to stop, and ends it. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#outbox.add({ kind: "stop" });
    const stopTimer = startTimeout(this.#options.abortGraceMs, () => this.#carrier.terminate());
    if (!this.#ready) this.#carrier.terminate();
    await this.#over;
    stopTimer();
  }

  get #silentBeats(): number {
    return this.#sequence - this.#acknowledged;
  }

  #take(message: FromHost): void {
    switch (message.kind) {
      case "hello":
        this.#hello(message.types);
        break;
      case "refused": {
        const { code, message: reason, type } = message;
        const more = type === undefined ? {} : { type };
        this.#refuse(new UserModuleError(code, this.#options.userModule, reason, more));
        this.#carrier.terminate();
        break;
      }
      case "acknowledged":
        this.#heard(message.sequence);
        break;
      case "progress":
        this.#attempts.get(message.number)?.listener.progress(message.percent);
        break;
      case "line":
        this.#attempts.get(message.number)?.listener.line(message.line);
        break;
      case "report":
        this.#attempts.get(message.number)?.settle(message.result);
        this.#attempts.delete(message.number);
        break;
      case "printed": {
        const { number, stream, text } = message;
        this.#listener.printed(this.#attempts.get(number)?.assignment, stream, text);
        break;
      }
      case "blocked": {
        const attempt = this.#attempts.get(message.number);
        if (attempt !== undefined) this.#listener.blocked(attempt.assignment, message.forMs);
        break;
      }
      case "fallen":
        this.#fallen = message;
        break;
    }
  }

  #hello(types: readonly HostedType[]): void {
    this.#stopStartTimer();
    this.#ready = true;
    this.#settleLoad?.resolve(types);
    this.#grant();
    this.#beat = setInterval(() => this.#listen(), this.#options.beatMs);
    this.#listener.changed();
  }

  #refuse(error: UserModuleError): void {
    this.#stopStartTimer();
    this.#settleLoad?.reject(error);
  }

  #heard(sequence: number): void {
    const wasFree = this.isFree;
    for (let beat = this.#acknowledged + 1; beat <= sequence; beat += 1) {
      this.#assignedBefore.delete(beat);
    }
    this.#acknowledged = sequence;
    if (this.#mustHear !== undefined && sequence >= this.#mustHear) this.#mustHear = undefined;
    if (this.isFree !== wasFree) this.#listener.changed();
  }

  /**
   * Beats are counted, not time: a node that stood still itself has asked for no sign of life
   * meanwhile.
   */
  #listen(): void {
    const { beatMs, maxBlockMs, abortGraceMs } = this.#options;
    const silentMs = this.#silentBeats * beatMs;
    const unheardBeats =
      this.#mustHear === undefined ? 0 : Math.max(0, this.#sequence - this.#mustHear + 1);
    const isUnheard = unheardBeats > 0 && unheardBeats * beatMs >= abortGraceMs;
    if (silentMs >= maxBlockMs || isUnheard) {
      this.#blocked ??= { number: this.#cell?.current, forMs: Math.max(silentMs, beatMs) };
      this.#carrier.terminate();
      return;
    }
    this.#sequence += 1;
    this.#assignedBefore.set(this.#sequence, this.#lastNumber);
    this.#grant();
    if (this.#silentBeats === SILENT_BEATS) this.#listener.changed();
  }

  #grant(): void {
    this.#outbox.add(this.#newestGrant());
  }

  #newestGrant(): ToHost {
    this.#sentUntilMs = this.#untilMs;
    return { kind: "grant", sequence: this.#sequence, untilMs: this.#untilMs };
  }

  /** What is to run it is to hold the lease for. */
  #send(batch: readonly ToHost[]): void {
    if (this.#ended) return;
    const isOutdated = this.#sentUntilMs !== this.#untilMs;
    this.#carrier.send(isOutdated ? [this.#newestGrant(), ...batch] : batch);
  }

  /** No later attempt has been started: what was said behind a beat was not heard before it is answered. */
  get #startedThrough(): AttemptNumber {
    if (this.#cell !== undefined) return this.#cell.startedThrough;
    return this.#assignedBefore.get(this.#acknowledged + 1) ?? this.#lastNumber;
  }

  #end(end: HostEnd): void {
    this.#ended = true;
    this.#stopStartTimer();
    clearInterval(this.#beat);
    const { heapMb, userModule } = this.#options;
    const verdict = verdictOf({
      end,
      fallen: this.#fallen,
      blocked: this.#blocked,
      heapMb,
      attempts: new Map([...this.#attempts].map(([number, one]) => [number, one.assignment])),
      startedThrough: this.#startedThrough,
    });
    if (this.#blocked !== undefined && verdict.culprit !== undefined) {
      this.#listener.blocked(verdict.culprit, this.#blocked.forMs);
    }
    const reason = `its handler host ended while it was loaded: ${verdict.why}`;
    this.#settleLoad?.reject(new UserModuleError("failed_to_load", userModule, reason));
    for (const [number, { settle }] of [...this.#attempts]) {
      this.#attempts.delete(number);
      const result = verdict.results.get(number);
      if (result !== undefined) settle(result);
    }
    this.#onOver();
    this.#listener.ended(verdict);
  }
}
