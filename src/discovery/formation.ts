// First formation of a mesh: however many nodes start at once, one initial membership comes out.
// The decision is one script in Redis (scripts/form.lua); here is the waiting around it.
import { ulid } from "ulid";
import type { Logger } from "../telemetry/logger.js";
import { decodeFormation, type Formation, type FormationMember } from "./formation-record.js";
import type { FormReply, RegistryScripts } from "./registry-scripts.js";
import type { RegistryView } from "./registry-watch.js";

const REDIS_RETRY_MS = 250;
/** Looks again even where no change was heard: a notification can be lost. */
const POLL_MS = 2_000;
const LOG_EVERY_MS = 5_000;

export type FormationOutcome =
  /** In the initial membership: starts Raft with it. */
  | {
      readonly kind: "founder";
      readonly meshId: string;
      readonly members: readonly FormationMember[];
      /** How many of the members vote. */
      readonly voters: number;
    }
  /** Not in it: asks one of the members for admission. */
  | {
      readonly kind: "joiner";
      readonly meshId: string;
      readonly members: readonly FormationMember[];
      /**
       * The id has been seen with Raft state before, and has none now. Its old vote is lost: it
       * must leave the membership before it may come back.
       */
      readonly stateLost: boolean;
    };

export interface FormationOptions {
  readonly nodeId: string;
  /** Nodes that form a new mesh together. */
  readonly expect: number;
  /** How many of them vote, where this one forms it. */
  readonly voters: number;
  /**
   * Time that an empty registry is given before a mesh is formed in it. Living nodes of a wiped
   * registry write themselves into it again within a heartbeat, so a little more than one is safe;
   * 0 only where no other mesh can be alive.
   */
  readonly settleMs: number;
  readonly scripts: RegistryScripts;
  readonly watch: RegistryView;
  readonly logger: Logger;
}

/**
 * Waits until the mesh is formed, forming it as soon as that can be decided. Only for nodes without
 * Raft state, registered already. Rejects with the signal's reason when it is aborted.
 */
export async function joinFormation(
  options: FormationOptions,
  signal: AbortSignal,
): Promise<FormationOutcome> {
  const meshId = ulid();
  const log = new WaitingLog(options);
  for (;;) {
    signal.throwIfAborted();
    // Armed before asking, so that a change between the answer and the wait is not missed.
    const wake = new Wake(options.watch, signal);
    try {
      const reply = await attempt(options, meshId);
      if (reply?.kind === "formed") {
        const formation = decodeFormation(reply.formation);
        if (formation !== undefined) return outcome(options.nodeId, formation, reply.seenWithState);
        options.logger.warn("registry: the formation record cannot be read, waiting for a new one");
      }
      log.say(reply);
      await wake.after(pauseMs(reply));
    } finally {
      wake.cancel();
    }
  }
}

async function attempt(
  { scripts, nodeId, expect, voters, settleMs, logger }: FormationOptions,
  meshId: string,
): Promise<FormReply | undefined> {
  try {
    return await scripts.form({ nodeId, expect, meshId, voters, settleMs });
  } catch (error) {
    logger.debug({ err: error }, "registry: formation not asked, Redis does not answer");
    return undefined;
  }
}

function outcome(nodeId: string, formation: Formation, seenWithState: boolean): FormationOutcome {
  const { meshId, members, voters = members.length, rewritten } = formation;
  const founds = !rewritten && members.some((member) => member.id === nodeId);
  if (founds && !seenWithState) return { kind: "founder", meshId, members, voters };
  return { kind: "joiner", meshId, members, stateLost: seenWithState };
}

function pauseMs(reply: FormReply | undefined): number {
  if (reply === undefined) return REDIS_RETRY_MS;
  return reply.kind === "settling" ? Math.min(reply.leftMs, POLL_MS) : POLL_MS;
}

/** Ends a wait at the first change of the registry, at the abort, or when the time is up. */
class Wake {
  readonly #signal: AbortSignal;
  readonly #woken: Promise<void>;
  readonly #unwatch: () => void;
  #wake: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(watch: RegistryView, signal: AbortSignal) {
    this.#signal = signal;
    this.#woken = new Promise((resolve) => (this.#wake = resolve));
    this.#unwatch = watch.onChange(this.#wake);
    signal.addEventListener("abort", this.#wake, { once: true });
  }

  async after(ms: number): Promise<void> {
    this.#timer = setTimeout(this.#wake, ms);
    await this.#woken;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#unwatch();
    this.#signal.removeEventListener("abort", this.#wake);
  }
}

/** Says now and then what is waited for, and at once when that changes. */
class WaitingLog {
  readonly #options: FormationOptions;
  #last = "";
  #lastAt = -Infinity;

  constructor(options: FormationOptions) {
    this.#options = options;
  }

  say(reply: FormReply | undefined): void {
    const text = this.#describe(reply);
    const now = performance.now();
    if (text === this.#last && now - this.#lastAt < LOG_EVERY_MS) return;
    this.#last = text;
    this.#lastAt = now;
    this.#options.logger.info(text);
  }

  #describe(reply: FormReply | undefined): string {
    switch (reply?.kind) {
      case undefined:
        return "waiting for Redis, to find the other nodes";
      case "waiting": {
        const missing = this.#options.expect - reply.registered;
        return `waiting for ${missing} more ${missing === 1 ? "node" : "nodes"} to form a mesh`;
      }
      case "settling":
        return "waiting a moment for nodes of a mesh that may be alive";
      case "living":
        return `waiting for node ${reply.nodeId} to say which mesh is alive`;
      case "formed":
        return "waiting for a readable formation record";
    }
  }
}
