// What clients set for queues, as the leader takes it: checked, its defaults resolved, and put into
// the log.
import type { Command, ConfigureQueueCommand } from "../../gen/mesh/v1/command.js";
import type { Operation } from "../../gen/mesh/v1/operation.js";
import {
  QueueControls as Controls,
  type QueueLimits,
  type RateLimit,
} from "../../gen/mesh/v1/queue.js";
import { QueueError, requireThat } from "../errors.js";
import { isName, NAME_RULE } from "../../input/name-rule.js";
import { QUEUE_LIMITS as MAX } from "../../input/request-limits.js";
import {
  DEFAULT_WEIGHT,
  MAX_CONFIGURED_QUEUES,
  NO_LIMITS,
  type QueueTable,
} from "../state/queue-table.js";

/** Starts that the rate let through in this time may begin together: the log is written in batches. */
const BURST_MS = 100;
/** Changes that wait for the log. */
const MAX_CHANGES_UNDER_WAY = 256;
const RETRY_AFTER_MS = 1_000;

/** The leader's operations, as the controls of queues use them. */
export interface QueueOperations {
  /** Resolves once the command is applied to the table, with what it answered the first time. */
  run(operation: Operation | undefined, kind: NonNullable<Command["kind"]>): Promise<Operated>;
  /** As `run`, for a call that is refused now. @throws the error */
  refuse(operation: Operation | undefined, error: QueueError): Promise<Operated>;
}

interface Operated {
  readonly known: { readonly answer: Uint8Array };
}

export class QueueControls {
  readonly #table: QueueTable;
  readonly #operations: QueueOperations;
  #underWay = 0;

  constructor(table: QueueTable, operations: QueueOperations) {
    this.#table = table;
    this.#operations = operations;
  }

  /** What is set for the queue: the defaults where nothing is. */
  get(name: string): Controls {
    return this.#table.get(name) ?? { name, paused: false, limits: NO_LIMITS };
  }

  /**
   * Puts these limits in the place of those that were; the queue stays paused if it is.
   *
   * @throws QueueError "invalid_field", "too_many_items", "overloaded"
   */
  limit(
    operation: Operation | undefined,
    name: string,
    limits: QueueLimits | undefined,
  ): Promise<Controls> {
    return this.#configure(operation, { name, paused: undefined, limits: resolvedLimits(limits) });
  }

  /** @throws QueueError "invalid_field", "too_many_items", "overloaded" */
  pause(operation: Operation | undefined, name: string, paused: boolean): Promise<Controls> {
    return this.#configure(operation, { name, paused, limits: undefined });
  }

  async #configure(
    operation: Operation | undefined,
    value: ConfigureQueueCommand,
  ): Promise<Controls> {
    const { name } = value;
    requireThat(isName(name), "name", NAME_RULE);
    if (this.#underWay >= MAX_CHANGES_UNDER_WAY) {
      const message = "too many changes of queues are under way";
      throw new QueueError("overloaded", message, { retryAfterMs: RETRY_AFTER_MS });
    }
    if (this.#table.get(name) === undefined && this.#table.size >= MAX_CONFIGURED_QUEUES) {
      return answered(await this.#operations.refuse(operation, full()));
    }
    this.#underWay += 1;
    try {
      return answered(await this.#operations.run(operation, { $case: "configureQueue", value }));
    } finally {
      this.#underWay -= 1;
    }
  }
}

function answered({ known }: Operated): Controls {
  return Controls.decode(known.answer);
}

function full(): QueueError {
  const message =
    `something is set for ${MAX_CONFIGURED_QUEUES} queues, and no more are taken: ` +
    "resume some, or lift their limits";
  return new QueueError("too_many_items", message, { field: "name" });
}

function resolvedLimits(limits: QueueLimits = NO_LIMITS): QueueLimits {
  const { concurrency, rate } = limits;
  const weight = limits.weight === 0 ? DEFAULT_WEIGHT : limits.weight;
  const isBounded = concurrency <= MAX.concurrency;
  requireThat(isBounded, "concurrency", `must be at most ${MAX.concurrency}`);
  requireThat(weight <= MAX.weight, "weight", `must be 1 to ${MAX.weight}`);
  return { concurrency, rate: rate === undefined ? undefined : resolvedRate(rate), weight };
}

function resolvedRate({ count, perMs, burst }: RateLimit): RateLimit {
  requireThat(count >= 1 && count <= MAX.rateCount, "rate.count", `must be 1 to ${MAX.rateCount}`);
  requireThat(perMs >= 1 && perMs <= MAX.ratePerMs, "rate.perMs", `must be 1 to ${MAX.ratePerMs}`);
  requireThat(burst <= MAX.rateCount, "rate.burst", `must be 1 to ${MAX.rateCount}`);
  const ownBurst = Math.min(MAX.rateCount, Math.max(1, Math.floor((count * BURST_MS) / perMs)));
  return { count, perMs, burst: burst === 0 ? ownBurst : burst };
}
