// A process's way into the registry of one mesh: its connections, the watch, and on a node the
// writer and the formation. What a composition root holds.
import type { Logger } from "../telemetry/logger.js";
import { type FormationOutcome, joinFormation } from "./formation.js";
import { RegistryKeys } from "./keys.js";
import type { NodeRecord } from "./node-record.js";
import { RedisConnection, type RedisConnectionOptions } from "../redis/connection.js";
import { RegistryScripts } from "./registry-scripts.js";
import { RegistryWatch } from "./registry-watch.js";
import { type OwnMesh, RegistryWriter } from "./registry-writer.js";

const TTL_MS = 5_000;
const HEARTBEAT_MS = 1_000;
const REFRESH_MS = 2_500;
/** A heartbeat and the longest pause between two tries to connect. */
const SETTLE_MS = 1_600;

export interface RegistryOptions {
  readonly mesh: string;
  readonly redis: Omit<RedisConnectionOptions, "name" | "logger">;
  readonly logger: Logger;
  /** Life of a record without a heartbeat. Default 5,000. */
  readonly ttlMs?: number;
  /** Default 1,000. */
  readonly heartbeatMs?: number;
  /** Default 2,500. */
  readonly refreshMs?: number;
  /** How long a record may be missing before it counts as gone. Default 1,600. */
  readonly missingGraceMs?: number;
}

export interface FormOptions {
  readonly nodeId: string;
  readonly expect: number;
  readonly voters: number;
  /** See FormationOptions. Default 1,600. */
  readonly settleMs?: number;
}

export class Registry {
  readonly #options: RegistryOptions;
  readonly watch: RegistryWatch;
  readonly #redis: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #scripts: RegistryScripts;

  /** Connects in the background; nothing here waits for Redis. */
  constructor(options: RegistryOptions) {
    this.#options = options;
    const { logger } = options;
    const keys = new RegistryKeys(options.mesh);
    const connect = (name: string, told?: Logger): RedisConnection =>
      new RedisConnection({ ...options.redis, name, logger: told });
    this.#redis = connect("taskmesh-registry", logger);
    this.#subscriber = connect("taskmesh-registry-watch");
    this.#scripts = new RegistryScripts(this.#redis.client, keys);
    this.watch = new RegistryWatch({
      redis: this.#redis,
      subscriber: this.#subscriber,
      scripts: this.#scripts,
      keys,
      refreshMs: options.refreshMs ?? REFRESH_MS,
      missingGraceMs: options.missingGraceMs ?? SETTLE_MS,
      logger,
    });
  }

  /** Starts the watch; resolves after the first try to read. */
  async start(): Promise<void> {
    await this.#connected();
    await this.watch.start();
  }

  /**
   * A writer for this process's node; start it to register.
   * @param mesh of the node's Raft state, where it has one
   */
  writer(record: Omit<NodeRecord, "meshId">, mesh: OwnMesh | undefined): RegistryWriter {
    return new RegistryWriter({
      redis: this.#redis,
      scripts: this.#scripts,
      record,
      mesh,
      ttlMs: this.#options.ttlMs ?? TTL_MS,
      heartbeatMs: this.#options.heartbeatMs ?? HEARTBEAT_MS,
      logger: this.#options.logger,
    });
  }

  /** See joinFormation. The watch and the node's writer must have been started. */
  form(options: FormOptions, signal: AbortSignal): Promise<FormationOutcome> {
    return joinFormation(
      {
        nodeId: options.nodeId,
        expect: options.expect,
        voters: options.voters,
        settleMs: options.settleMs ?? SETTLE_MS,
        scripts: this.#scripts,
        watch: this.watch,
        logger: this.#options.logger,
      },
      signal,
    );
  }

  /** Stops the watch and closes the connections; stop the writer first. */
  close(): void {
    this.watch.stop();
    this.#redis.close();
    this.#subscriber.close();
  }

  /** Resolves once connected, or with the first failure to: no caller waits longer for Redis. */
  async #connected(): Promise<void> {
    if (this.#redis.state.connected) return;
    await new Promise<void>((resolve) => {
      const stop = this.#redis.onChange(() => {
        stop();
        resolve();
      });
    });
  }
}
