// One child process of `up`: started, awaited until it is ready, started again with growing waits
// when it dies, and stopped within a bound.
import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { logField } from "../telemetry/fields.js";
import type { Logger } from "../telemetry/logger.js";
import { parseChildMessage } from "./child-message.js";
import { ExitError } from "./exit.js";
import { LIFELINE_FD } from "./lifeline.js";

const READY_POLL_MS = 100;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;
/** A child that has run this long starts anew with the first wait. */
const STABLE_AFTER_MS = 30_000;

export interface ChildSpec {
  readonly name: string;
  /** Script and arguments for this Node.js. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Whether it does its work; undefined means yes, else the reason why not yet. */
  readonly notReady: () => Promise<string | undefined>;
  /** Bound of a start: by then it must be ready. */
  readonly readyTimeoutMs: number;
  /** Bound of a stop; past it the child is killed. */
  readonly stopTimeoutMs: number;
  readonly restart: boolean;
  /** File descriptor for what it prints. Default: where this process prints. */
  readonly output?: number | undefined;
}

/** A child process under supervision. */
export class SupervisedChild {
  readonly #spec: ChildSpec;
  readonly #logger: Logger;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #started: Promise<void> = Promise.resolve();
  #markStarted: () => void = () => undefined;
  #exitLine: string | undefined;
  #redisPid: number | undefined;
  #startedAtMs = 0;
  #backoffMs = FIRST_BACKOFF_MS;
  #stopping = false;
  #supervised = false;

  constructor(spec: ChildSpec, logger: Logger) {
    this.#spec = spec;
    this.#logger = logger;
  }

  get name(): string {
    return this.#spec.name;
  }

  /** Its process as the system has it; undefined while there is none. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it and waits until it is ready. Throws ExitError if it ends first or takes too long. */
  async start(): Promise<void> {
    this.#spawn();
    const { readyTimeoutMs } = this.#spec;
    const deadline = Date.now() + readyTimeoutMs;
    for (;;) {
      if (this.#process === undefined) {
        throw new ExitError(this.#exitLine ?? `${this.#spec.name} ended before it was ready`);
      }
      const reason = await this.#spec.notReady();
      if (reason === undefined) break;
      if (Date.now() > deadline) {
        throw new ExitError(
          `${this.#spec.name} was not ready within ${readyTimeoutMs / 1_000} s (${reason})`,
        );
      }
      await Promise.race([sleep(READY_POLL_MS), this.#exited]);
    }
    this.#supervised = true;
  }

  /** Waits until it says that it runs, which is before it is ready; false where it ends before. */
  async running(): Promise<boolean> {
    await Promise.race([this.#started, this.#exited]);
    return this.#process !== undefined;
  }

  /** Asks it to end and kills it past the bound. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#process === undefined) return;
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => void this.kill(), this.#spec.stopTimeoutMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it at once; resolves when its process is gone. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#process?.kill("SIGKILL");
    killQuietly(this.#redisPid);
    await this.#exited;
  }

  #spawn(): void {
    this.#startedAtMs = Date.now();
    this.#exitLine = undefined;
    const output = this.#spec.output ?? "inherit";
    const child = spawn(process.execPath, this.#spec.args, {
      env: this.#spec.env,
      // The last one tells the child that this process has ended: see lifeline.ts.
      stdio: ["ignore", output, output, "ipc", "pipe"],
    });
    holdOpen(child.stdio[LIFELINE_FD]);
    this.#process = child;
    this.#started = new Promise((resolve) => (this.#markStarted = resolve));
    child.on("message", (value) => this.#onMessage(value));
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#exitLine = `${this.#spec.name} cannot be run: ${error.message}`;
        this.#onExit("not started");
        resolve();
      });
      child.once("exit", (code, signal) => {
        this.#onExit(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
        resolve();
      });
    });
  }

  #onMessage(value: unknown): void {
    const message = parseChildMessage(value);
    switch (message?.kind) {
      case "failed":
        this.#exitLine = message.exitLine;
        return;
      case "redis":
        this.#redisPid = message.pid;
        return;
      case "started":
        this.#markStarted();
        return;
      case undefined:
        return;
    }
  }

  #onExit(how: string): void {
    this.#process = undefined;
    // A keeper that was killed leaves its Redis behind.
    killQuietly(this.#redisPid, "SIGTERM");
    this.#redisPid = undefined;
    if (this.#stopping || !this.#supervised) return;
    const reason = this.#exitLine ?? how;
    if (!this.#spec.restart) {
      this.#logger.error(`${this.#spec.name} ended (${reason}); it stays down`);
      return;
    }
    if (Date.now() - this.#startedAtMs > STABLE_AFTER_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    const retryInMs = this.#backoffMs;
    this.#backoffMs = Math.min(retryInMs * 2, LONGEST_BACKOFF_MS);
    this.#logger.warn(
      { [logField.retryInMs]: retryInMs },
      `${this.#spec.name} ended (${reason}); starting it again in ${retryInMs / 1_000} s`,
    );
    setTimeout(() => {
      if (!this.#stopping) this.#spawn();
    }, retryInMs);
  }
}

/** It is never written to, and keeps nobody waiting. */
function holdOpen(lifeline: Readable | Writable | null | undefined): void {
  if (!(lifeline instanceof Socket)) return;
  lifeline.on("error", () => undefined);
  lifeline.unref();
}

function killQuietly(pid: number | undefined, signal: NodeJS.Signals = "SIGKILL"): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
