// Connections to Redis with the options that the mesh needs: a command fails fast while Redis is
// away, the connection comes back by itself for as long as it takes, and its state can be watched.
import { type AbstractConnector, Redis } from "ioredis";
import { RedisUnavailable, toRedisError } from "./errors.js";

/** First and longest wait between attempts to connect. */
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** Past this exponent the wait is the longest anyhow. */
const RECONNECT_MAX_DOUBLINGS = 5;

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`, with user, password and database where needed. */
  readonly url: string;
  /** After this long without an answer a command fails and the connection is made anew. */
  readonly commandTimeoutMs: number;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  /** Makes the sockets; by default ioredis does. */
  readonly connector?: (new (endpoint: unknown) => AbstractConnector) | undefined;
}

export interface RedisConnectionState {
  readonly connected: boolean;
  /** Text of the last error while not connected; undefined while all is well. */
  readonly error: string | undefined;
}

/**
 * One connection. Nothing is queued while it is down: commands are refused at once, and those under
 * way when it breaks fail, as they may or may not have been done.
 */
export class RedisConnection {
  readonly client: Redis;
  private current: RedisConnectionState = { connected: false, error: undefined };
  private readonly listeners = new Set<(state: RedisConnectionState) => void>();

  constructor(options: RedisConnectionOptions) {
    this.client = new Redis(options.url, clientOptions(options));
    this.client.on("ready", () => this.become({ connected: true, error: undefined }));
    this.client.on("close", () => this.become({ connected: false, error: this.current.error }));
    // Without a listener an error of the socket would end the process.
    this.client.on("error", (error: Error) => {
      this.become({ connected: this.current.connected, error: textOf(error) });
    });
  }

  get state(): RedisConnectionState {
    return this.current;
  }

  /** Calls `listener` on each change; returns how to stop that. */
  onChange(listener: (state: RedisConnectionState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Waits for the connection.
   * @throws RedisUnavailable when it is not there within `timeoutMs`
   */
  async ready(timeoutMs: number): Promise<void> {
    if (this.current.connected) return;
    await new Promise<void>((resolve, reject) => {
      const stop = this.onChange((state) => {
        if (!state.connected) return;
        clearTimeout(timer);
        stop();
        resolve();
      });
      const timer = setTimeout(() => {
        stop();
        reject(new RedisUnavailable(this.current.error ?? `no connection in ${timeoutMs} ms`));
      }, timeoutMs);
    });
  }

  /** Ends the connection for good; commands under way fail. */
  close(): void {
    this.listeners.clear();
    this.client.disconnect();
  }

  private become(next: RedisConnectionState): void {
    if (next.connected === this.current.connected && next.error === this.current.error) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener(next);
  }
}

/** Runs a call and turns what it throws into RedisUnavailable or RedisRefused. */
export async function callRedis<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toRedisError(error);
  }
}

function clientOptions({ commandTimeoutMs, name, connector }: RedisConnectionOptions) {
  return {
    ...(connector === undefined ? {} : { Connector: connector }),
    connectionName: name,
    protocol: 2 as const,
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // A server that hangs keeps its sockets open: without this every command would time out one by
    // one, and all of them would stay queued in the client.
    socketTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) =>
      Math.min(
        RECONNECT_MAX_MS,
        RECONNECT_MIN_MS * 2 ** Math.min(attempt - 1, RECONNECT_MAX_DOUBLINGS),
      ),
    // After a failover the old primary answers READONLY: a new connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  };
}

/** Node reports a refused dual-stack connect as an AggregateError with an empty message. */
function textOf(error: Error & { code?: unknown }): string {
  if (error.message !== "") return error.message;
  return typeof error.code === "string" ? error.code : error.name;
}
