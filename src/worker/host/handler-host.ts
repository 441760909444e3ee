// Runs the user's handlers for a node, apart from it: whatever they do, the node's own thread goes on.
import type { AttemptListener } from "../attempt-context.js";
import type { AbortReason, TaskHandler } from "../handler.js";
import { type AttemptResult, failureOf } from "../outcome.js";
import { BatchSender } from "../protocol/batch-sender.js";
import type { AttemptNumber, FromHost, ToHost } from "../protocol/messages.js";
import type { SharedCell } from "../protocol/shared-cell.js";
import { runHandler } from "../run-handler.js";
import { StopOrder } from "../stop-order.js";
import { Attribution } from "./attribution.js";
import type { HostChannel } from "./channel.js";
import { HostLease } from "./host-lease.js";

/** Handlers are started for so long before the event loop turns: what was to stop may be among them. */
const START_SLICE_MS = 10;
/** Why attempts are given back where the node let the lease run out. */
const NOT_ITS_OWN = "the handler host held no lease";

type Assign = Extract<ToHost, { kind: "assign" }>;

export interface HandlerHostOptions {
  readonly channel: HostChannel;
  readonly handlers: ReadonlyMap<string, { readonly handler: TaskHandler }>;
  readonly cell: SharedCell | undefined;
  /** Ends the thread or the process. */
  readonly exit: () => void;
}

/** Invariant: each assign is answered by one report, unless the host ends before. */
export class HandlerHost {
  readonly #options: HandlerHostOptions;
  readonly #outbox: BatchSender<FromHost>;
  readonly #attribution: Attribution;
  readonly #lease: HostLease;
  /** In the order of arrival. */
  readonly #waiting = new Map<AttemptNumber, Assign>();
  readonly #running = new Map<AttemptNumber, StopOrder>();
  #scheduled = false;
  #stopping = false;

  constructor(options: HandlerHostOptions) {
    this.#options = options;
    const { channel, cell } = options;
    this.#outbox = new BatchSender((batch) => channel.send(batch));
    this.#attribution = new Attribution(cell, (number, forMs) => {
      this.#outbox.add({ kind: "blocked", number, forMs });
    });
    this.#lease = new HostLease(
      () => channel.readNow(),
      () => this.#abortAll("lease-lost", NOT_ITS_OWN),
    );
    channel.onBatch((batch) => {
      for (const message of batch) this.#take(message);
    });
  }

  /** Says something of its own, or of the attempt whose code runs. */
  say(message: FromHost): void {
    this.#outbox.add(message);
  }

  /** Whose code runs; 0: nobody's. */
  get current(): AttemptNumber {
    return this.#attribution.current;
  }

  /** Last words, as this ends the host: everything said so far leaves before. */
  fall(how: string, thrown?: { readonly error: unknown }): void {
    const error = thrown === undefined ? undefined : failureOf(thrown.error).error;
    this.#outbox.add({ kind: "fallen", number: this.current, how, error });
    this.#outbox.flush();
  }

  /** Sends what was said. */
  flush(): void {
    this.#outbox.flush();
  }

  /** The node is gone: nothing here is its own any more. */
  orphaned(): void {
    this.#abortAll("lease-lost", NOT_ITS_OWN);
  }

  #take(message: ToHost): void {
    switch (message.kind) {
      case "assign":
        this.#waiting.set(message.number, message);
        this.#schedule();
        break;
      case "cancel":
        if (this.#waiting.delete(message.number)) this.#giveBack(message.number, message.reason);
        this.#abort(message.number, message.reason);
        break;
      case "grant":
        this.#lease.granted(message.untilMs);
        this.#outbox.add({ kind: "acknowledged", sequence: message.sequence });
        break;
      case "stop":
        this.#stopping = true;
        this.#abortAll("stopping", "the node is stopping");
        this.#maybeExit();
        break;
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#startWaiting();
      this.#schedule();
    });
  }

  #startWaiting(): void {
    // The node infers from what was not acknowledged what was not started.
    this.#outbox.flush();
    const untilMs = performance.now() + START_SLICE_MS;
    for (const [number, assign] of this.#waiting) {
      this.#waiting.delete(number);
      if (this.#lease.isHeld) this.#start(assign);
      else this.#giveBack(number, NOT_ITS_OWN);
      if (performance.now() >= untilMs) return;
    }
  }

  #start({ number, assignment, maxResultBytes }: Assign): void {
    const handler = this.#options.handlers.get(assignment.type)?.handler;
    if (handler === undefined) {
      this.#giveBack(number, `the handler host has no type ${JSON.stringify(assignment.type)}`);
      return;
    }
    const order = new StopOrder(() => this.#options.channel.readNow());
    this.#running.set(number, order);
    if (this.#options.cell !== undefined) this.#options.cell.startedThrough = number;
    const listener: AttemptListener = {
      progress: (percent) => {
        this.#outbox.add({ kind: "progress", number, percent });
        // It comes seldom, and may be all that a handler lets out which never yields.
        this.#outbox.flush();
      },
      line: (line) => this.#outbox.add({ kind: "line", number, line }),
    };
    void this.#attribution
      .run(number, () =>
        runHandler({ handler, assignment, order, listener, maxResultBytes, nowMs: Date.now }),
      )
      .then((result) => this.#ended(number, result));
  }

  #ended(number: AttemptNumber, result: AttemptResult): void {
    if (!this.#running.delete(number)) return;
    this.#outbox.add({ kind: "report", number, result });
    this.#maybeExit();
  }

  #giveBack(number: AttemptNumber, reason: string): void {
    const result = { kind: "given-back", reason, lost: false } as const;
    this.#outbox.add({ kind: "report", number, result });
  }

  #abortAll(reason: AbortReason, why: string): void {
    for (const number of [...this.#waiting.keys()]) {
      this.#waiting.delete(number);
      this.#giveBack(number, why);
    }
    for (const number of [...this.#running.keys()]) {
      this.#abort(number, reason);
      // On a stop the handlers are waited for.
      if (this.#stopping) continue;
      this.#running.delete(number);
      this.#giveBack(number, why);
    }
  }

  /** What listens to the signal is the attempt's own code. */
  #abort(number: AttemptNumber, reason: AbortReason): void {
    const order = this.#running.get(number);
    if (order === undefined) return;
    this.#attribution.run(number, () => order.give(reason));
  }

  #maybeExit(): void {
    if (!this.#stopping || this.#running.size > 0) return;
    this.#outbox.flush();
    this.#options.exit();
  }
}
