// A node's connections to Redis: one to read, one for the leader to write, one to listen;
// and one to follow the events for as long as somebody watches.
import type { Redis } from "ioredis";
import type { Config } from "../../config/schema.js";
import type { RedisConnectorClass } from "../../links/redis-connector.js";
import { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import type { QueueOwner } from "../../queue/redis/applied-value.js";
import { foreignQueueIn, RedisApplier } from "../../queue/redis/applier.js";
import { type AuditFinding, RedisAudit } from "../../queue/redis/audit.js";
import type { RedisDumpOptions } from "../../queue/redis/dump.js";
import { EventReader } from "../../queue/redis/event-reader.js";
import { EventTail } from "../../queue/redis/event-tail.js";
import { RedisKeys } from "../../queue/redis/keys.js";
import { LogReader } from "../../queue/redis/log-reader.js";
import { LogWriter } from "../../queue/redis/log-writer.js";
import { ProgressWriter } from "../../queue/redis/progress-writer.js";
import { OperationReader } from "../../queue/redis/operation-reader.js";
import { QueueReader } from "../../queue/redis/queue-reader.js";
import { TaskReader } from "../../queue/redis/reader.js";
import { RedisRestorer } from "../../queue/redis/restorer.js";
import { SettingsWriter } from "../../queue/redis/settings-writer.js";
import { deniedAccess, deniedChannel } from "../../redis/access.js";
import { warningOf } from "../../redis/inspection.js";
import {
  combinedState,
  RedisConnection,
  type RedisConnectionOptions,
  type RedisConnectionState,
} from "../../redis/connection.js";
import type { RedisEndpoint } from "../../redis/endpoint.js";

export class NodeRedis {
  readonly reader: TaskReader;
  /** Of the same connection as `reader`. */
  readonly operations: OperationReader;
  readonly queues: QueueReader;
  readonly applier: RedisApplier;
  readonly restorer: RedisRestorer;
  readonly progress: ProgressWriter;
  readonly logWriter: LogWriter;
  readonly settings: SettingsWriter;
  readonly logReader: LogReader;
  /** For the snapshots of this node. */
  readonly dump: RedisDumpOptions;
  readonly appliedWatch: AppliedIndexWatch;
  readonly eventReader: EventReader;
  readonly eventTail: EventTail;
  readonly #reader: RedisConnection;
  readonly #writer: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #keys: RedisKeys;
  #owner: QueueOwner | undefined;

  /** Connects in the background: a node starts without Redis too, once it has Raft state. */
  constructor(
    config: Config,
    nodeId: string,
    endpoint: RedisEndpoint,
    connector?: RedisConnectorClass,
  ) {
    const { commandTimeoutMs } = config.redis;
    const connect = (role: string, check?: RedisConnectionOptions["check"]): RedisConnection => {
      const name = `taskmesh-${nodeId}-${role}`;
      return new RedisConnection({ endpoint, commandTimeoutMs, connector, name, check });
    };
    const keys = new RedisKeys(config.mesh);
    this.#keys = keys;
    const owner = (): QueueOwner | undefined => this.#owner;
    const foreign = (redis: Redis) => foreignQueueIn(redis, keys, owner());
    this.#reader = connect("reader", foreign);
    this.#writer = connect("writer", async (redis) => {
      return (await deniedAccess(redis, keys.prefix)) ?? foreign(redis);
    });
    this.#subscriber = connect("subscriber", (redis) => deniedChannel(redis, keys.appliedChannel));
    this.reader = new TaskReader({ redis: this.#reader.client, keys });
    this.operations = new OperationReader({ redis: this.#reader.client, keys });
    this.queues = new QueueReader(this.#reader.client, keys);
    this.applier = new RedisApplier({
      redis: this.#writer.client,
      keys,
      maxEventRecords: config.events.maxEntries,
      owner,
    });
    this.restorer = new RedisRestorer(this.#writer.client, keys, owner);
    this.progress = new ProgressWriter(this.#writer.client, keys);
    this.logWriter = new LogWriter(this.#writer.client, keys);
    this.settings = new SettingsWriter(this.#writer.client, keys);
    this.logReader = new LogReader({ redis: this.#reader.client, keys });
    this.dump = { redis: this.#reader.client, keys };
    this.eventReader = new EventReader({ redis: this.#reader.client, keys });
    this.eventTail = new EventTail({ connect: () => connect("events"), commandTimeoutMs, keys });
    this.appliedWatch = new AppliedIndexWatch({
      reader: this.#reader,
      subscriber: this.#subscriber,
      keys,
    });
  }

  /** From here on nothing is read from, or written to, a queue that another mesh keeps under the same keys. */
  belongsTo(owner: QueueOwner): void {
    this.#owner = owner;
  }

  /** Looks for contradictions in what Redis holds, where it reflects the log up to `shows`. */
  audit(shows: number, onFinding: (finding: AuditFinding) => void): RedisAudit {
    return new RedisAudit({ redis: this.#reader.client, keys: this.#keys, shows, onFinding });
  }

  /** Of all connections that a node always has: one that is away is enough to be told. */
  get state(): RedisConnectionState {
    return combinedState(this.#always());
  }

  /** Calls `listener` when one of the connections breaks or is there again. */
  onChange(listener: () => void): void {
    for (const connection of this.#always()) connection.onChange(listener);
  }

  /** The connection that the leader writes on is there again. */
  onConnected(listener: () => void): void {
    this.#writer.onChange(({ connected }) => {
      if (connected) listener();
    });
  }

  /** Each time that a Redis is met that is too old, or would throw tasks away when it is full. */
  onWarning(listener: (warning: string) => void): void {
    this.onConnected(() => {
      void warningOf(this.#writer.client).then((warning) => {
        if (warning !== undefined) listener(warning);
      });
    });
  }

  /** Closes every connection of the node to Redis. */
  close(): void {
    this.appliedWatch.close();
    this.eventTail.close();
    for (const connection of this.#always()) connection.close();
  }

  #always(): readonly RedisConnection[] {
    return [this.#reader, this.#writer, this.#subscriber];
  }
}
