// The one way in which a process connects to Redis: a command fails fast while Redis is away, the
// connection comes back by itself for as long as it takes, and its state, with the reason, can be
// watched.
import type { AbstractConnector, Redis } from "ioredis";
import type { Logger } from "../telemetry/logger.js";
import { type ClientOptions, createClient } from "./client.js";
import type { RedisEndpoint } from "./endpoint.js";
import { selectFailureOf } from "./error-reply.js";

/** First and longest wait between attempts to connect; the longest bounds how late a node is back. */
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 500;
/** Past this exponent the wait is the longest anyhow. */
const RECONNECT_MAX_DOUBLINGS = 4;
/** A server that loads its data is asked this often whether it has done so. */
const LOADING_RETRY_MS = 500;
/** An idle connection is asked this often whether it lives. */
const PROBE_EVERY_MS = 1_000;

/** A replica's answer to a write; older servers put that of a script behind words of their own. */
const READ_ONLY = /^READONLY|-READONLY/;

/** The client's own word for a connection that it is about to close. */
const NOT_WRITABLE = /^Stream isn't writeable/;

export interface RedisConnectionOptions {
  readonly endpoint: RedisEndpoint;
  /** After this long without an answer a command fails and the connection is made anew. */
  readonly commandTimeoutMs: number;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  /** Makes the sockets; by default ioredis does. */
  readonly connector?: (new (target: unknown) => AbstractConnector) | undefined;
  /** Told when the connection breaks, and why it is not there, and when it is back. */
  readonly logger?: Logger | undefined;
  /**
   * Asked each time that it has connected: why the server cannot be used, or undefined. The connection
   * then counts as broken, and is made anew until there is no reason left.
   */
  readonly check?: ((client: Redis) => Promise<string | undefined>) | undefined;
}

export interface RedisConnectionState {
  readonly connected: boolean;
  /** Why it is not connected, as far as is known; undefined while all is well. */
  readonly error: string | undefined;
}

/**
 * One connection. Nothing is queued while it is down: commands are refused at once, and those under
 * way when it breaks fail, as they may or may not have been done. Subscriptions are not renewed:
 * who subscribes does so again, and reads what it missed.
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly client: Redis;
  #current: RedisConnectionState = { connected: false, error: undefined };
  readonly #listeners = new Set<(state: RedisConnectionState) => void>();
  readonly #probe: NodeJS.Timeout;
  #retry: NodeJS.Timeout | undefined;
  /** Connections so far. */
  #connections = 0;
  #closed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    const { endpoint, commandTimeoutMs } = options;
    this.client = createClient(endpoint, commandTimeoutMs, this.#clientOptions(options));
    this.client.on("connect", () => this.#asksWhetherItLoads());
    this.client.on("ready", () => void this.#check());
    this.client.on("close", () => this.#become({ connected: false, error: this.#current.error }));
    // Without a listener an error of the socket would end the process.
    this.client.on("error", (error: Error) => this.#noteError(error));
    this.client.on("end", () => this.#tryAgain());
    this.#probe = setInterval(() => this.#isAlive(), PROBE_EVERY_MS).unref();
  }

  get state(): RedisConnectionState {
    return this.#current;
  }

  /** Calls `listener` on each change; returns how to stop that. */
  onChange(listener: (state: RedisConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the connection for good; commands under way fail. */
  close(): void {
    clearInterval(this.#probe);
    clearTimeout(this.#retry);
    this.#listeners.clear();
    this.#closed = true;
    this.client.disconnect();
  }

  async #check(): Promise<void> {
    const { check } = this.#options;
    const connection = ++this.#connections;
    // What says nothing of the server's use is for those to meet who use it.
    const reason = await check?.(this.client).catch(() => undefined);
    if (connection !== this.#connections || this.client.status !== "ready") return;
    this.#become({ connected: reason === undefined, error: reason });
    // Made anew by #tryAgain.
    if (reason !== undefined) this.client.disconnect();
  }

  #noteError(error: Error): void {
    // What follows from a connection that is being dropped hides why it is.
    if (NOT_WRITABLE.test(error.message)) return;
    this.#become({ connected: this.#current.connected, error: textOf(error) });
  }

  #become(next: RedisConnectionState): void {
    const before = this.#current;
    if (this.#closed || (next.connected === before.connected && next.error === before.error))
      return;
    this.#current = next;
    this.#tell(before);
    for (const listener of [...this.#listeners]) listener(next);
  }

  #tell(before: RedisConnectionState): void {
    const { name, logger } = this.#options;
    const { connected, error } = this.#current;
    if (connected && before.error !== undefined) logger?.info(`${name}: Redis is back`);
    else if (!connected) {
      logger?.warn({ reason: error }, `${name}: Redis is not reachable, trying on`);
    }
  }

  /**
   * A server that hangs, or a machine that is gone, keeps its sockets open: who only listens would
   * wait for good. The question meets the socket's timeout where it is not answered.
   */
  #isAlive(): void {
    if (this.client.status === "ready") this.client.ping().catch(() => undefined);
  }

  /**
   * The client gives up for good where its connector fails, as when a failover is told while it asks
   * the sentinels who the primary is.
   */
  #tryAgain(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.client.connect().catch(() => undefined);
    }, RECONNECT_MAX_MS);
  }

  /** The client waits for that by itself, and says nothing of it. */
  #asksWhetherItLoads(): void {
    this.client.info("persistence").then(
      (text) => {
        if (this.#current.connected || !/^loading:1/m.test(text)) return;
        this.#become({ connected: false, error: "LOADING Redis is loading its data" });
      },
      () => undefined,
    );
  }

  #clientOptions({ commandTimeoutMs, name, connector }: RedisConnectionOptions): ClientOptions {
    return {
      ...(connector === undefined ? {} : { Connector: connector }),
      connectionName: name,
      // A server that hangs keeps its sockets open: without this every command would time out one by
      // one, and all of them would stay queued in the client.
      socketTimeout: commandTimeoutMs,
      maxLoadingRetryTime: LOADING_RETRY_MS,
      enableOfflineQueue: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt: number) =>
        Math.min(
          RECONNECT_MAX_MS,
          RECONNECT_MIN_MS * 2 ** Math.min(attempt - 1, RECONNECT_MAX_DOUBLINGS),
        ),
      sentinelRetryStrategy: () => RECONNECT_MAX_MS,
      // After a failover the old primary answers READONLY: a new connection finds the new one.
      reconnectOnError: (error: Error) => {
        if (!READ_ONLY.test(error.message)) return false;
        this.#noteError(error);
        return true;
      },
    };
  }
}

/** The first of the connections that is not well, as one state. */
export function combinedState(connections: readonly RedisConnection[]): RedisConnectionState {
  const states = connections.map(({ state }) => state);
  return (
    states.find(({ connected }) => !connected) ??
    states.find(({ error }) => error !== undefined) ?? { connected: true, error: undefined }
  );
}

/** Node reports a refused dual-stack connect as an AggregateError with an empty message. */
function textOf(error: Error & { code?: unknown }): string {
  if (error.message !== "") return selectFailureOf(error) ?? error.message;
  return typeof error.code === "string" ? error.code : error.name;
}
