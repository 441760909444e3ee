// A node's connections to Redis: one to read, one for the leader to write, one to listen;
// and one to follow the events for as long as somebody watches.
import type { Config } from "../config/schema.js";
import type { RedisConnectorClass } from "../links/redis-connector.js";
import { AppliedIndexWatch } from "../queue/redis/applied-watch.js";
import { RedisApplier } from "../queue/redis/applier.js";
import { type AuditFinding, RedisAudit } from "../queue/redis/audit.js";
import { RedisConnection } from "../queue/redis/connection.js";
import type { RedisDumpOptions } from "../queue/redis/dump.js";
import { EventReader } from "../queue/redis/event-reader.js";
import { EventTail } from "../queue/redis/event-tail.js";
import { RedisKeys } from "../queue/redis/keys.js";
import { ProgressWriter } from "../queue/redis/progress-writer.js";
import { QueueReader } from "../queue/redis/queue-reader.js";
import { TaskReader } from "../queue/redis/reader.js";
import { RedisRestorer } from "../queue/redis/restorer.js";
import { NodeStartError } from "./errors.js";

export class NodeRedis {
  readonly url: string;
  readonly connection: RedisConnection;
  readonly reader: TaskReader;
  readonly queues: QueueReader;
  readonly applier: RedisApplier;
  readonly restorer: RedisRestorer;
  readonly progress: ProgressWriter;
  /** For the snapshots of this node. */
  readonly dump: RedisDumpOptions;
  readonly appliedWatch: AppliedIndexWatch;
  readonly eventReader: EventReader;
  readonly eventTail: EventTail;
  readonly #writer: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #keys: RedisKeys;

  /** Connects in the background: a node starts without Redis too, once it has Raft state. */
  constructor(config: Config, nodeId: string, connector?: RedisConnectorClass) {
    const { url, commandTimeoutMs } = config.redis;
    if (url === undefined) {
      throw new NodeStartError("a node needs a Redis: set redis.url in the config, or REDIS_URL");
    }
    this.url = url;
    const connect = (role: string): RedisConnection =>
      new RedisConnection({ url, commandTimeoutMs, connector, name: `taskmesh-${nodeId}-${role}` });
    this.connection = connect("reader");
    this.#writer = connect("writer");
    this.#subscriber = connect("subscriber");
    const keys = new RedisKeys(config.mesh);
    this.#keys = keys;
    this.reader = new TaskReader({ redis: this.connection.client, keys });
    this.queues = new QueueReader(this.connection.client, keys);
    this.applier = new RedisApplier({
      redis: this.#writer.client,
      keys,
      maxEventRecords: config.events.maxEntries,
    });
    this.restorer = new RedisRestorer(this.#writer.client, keys);
    this.progress = new ProgressWriter(this.#writer.client, keys);
    this.dump = { redis: this.connection.client, keys };
    this.eventReader = new EventReader({ redis: this.connection.client, keys });
    this.eventTail = new EventTail({ connect: () => connect("events"), commandTimeoutMs, keys });
    this.appliedWatch = new AppliedIndexWatch({
      reader: this.connection,
      subscriber: this.#subscriber,
      keys,
    });
  }

  /** Looks for contradictions in what Redis holds. */
  audit(onFinding: (finding: AuditFinding) => void): RedisAudit {
    return new RedisAudit({ redis: this.connection.client, keys: this.#keys, onFinding });
  }

  /** The connection that the leader writes on is there again. */
  onConnected(listener: () => void): void {
    this.#writer.onChange(({ connected }) => {
      if (connected) listener();
    });
  }

  close(): void {
    this.appliedWatch.close();
    this.eventTail.close();
    for (const connection of [this.connection, this.#writer, this.#subscriber]) connection.close();
  }
}
