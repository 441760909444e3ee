// The registry as one process knows it: told of changes by Redis's pub/sub, refreshed slowly
// besides, kept as it was while Redis is away.
import type { RedisConnection } from "../redis/connection.js";
import type { Logger } from "../telemetry/logger.js";
import { decodeFormation, type Formation } from "./formation-record.js";
import type { RegistryKeys } from "./keys.js";
import { decodeNodeRecord, encodeNodeRecord, type NodeRecord } from "./node-record.js";
import { decodeNotification } from "./notification.js";
import type { RegistryContent, RegistryScripts } from "./registry-scripts.js";
import { SingleFlight } from "./single-flight.js";

export interface RegistryChange {
  readonly added: readonly NodeRecord[];
  readonly updated: readonly NodeRecord[];
  readonly removed: readonly NodeRecord[];
  /** The formation record as it stands now. */
  readonly formation: Formation | undefined;
}

export type RegistryListener = (change: RegistryChange) => void;

/** What readers of the registry need. */
export interface RegistryView {
  /** Whether the last try to read Redis succeeded. */
  readonly redisReachable: boolean;
  /** Why it did not; undefined where it did. */
  readonly redisError: string | undefined;
  readonly formation: Formation | undefined;
  /** Sorted by id. */
  records(): readonly NodeRecord[];
  get(id: string): NodeRecord | undefined;
  /** Calls the listener after each change, until the returned function is called. */
  onChange(listener: RegistryListener): () => void;
}

export interface RegistryWatchOptions {
  readonly redis: RedisConnection;
  /** A connection for the subscription alone. */
  readonly subscriber: RedisConnection;
  readonly scripts: RegistryScripts;
  readonly keys: RegistryKeys;
  readonly refreshMs: number;
  /**
   * A record that is missing without a good-bye is kept for this long: after Redis was away or was
   * wiped the living nodes need a heartbeat to be there again.
   */
  readonly missingGraceMs: number;
  readonly logger: Logger;
}

export class RegistryWatch implements RegistryView {
  readonly #options: RegistryWatchOptions;
  #known = new Map<string, NodeRecord>();
  #knownFormation: Formation | undefined;
  #failure: string | undefined = "not read yet";
  /** Since when a known record has been missing, by this process's monotonic clock. */
  readonly #missingSince = new Map<string, number>();
  /** Ids whose nodes said good-bye since the last refresh. */
  readonly #departed = new Set<string>();
  /** Texts that were skipped, so that each is logged once. */
  #skipped = new Map<string, string>();
  readonly #listeners = new Set<RegistryListener>();
  readonly #refreshes = new SingleFlight(() => this.#readOnce());
  readonly #onDue = (): void => this.#refreshInBackground();
  readonly #unwatch: (() => void)[] = [];
  readonly #onMessage = (_channel: string, message: string): void => this.#heard(message);
  #timer: NodeJS.Timeout | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: RegistryWatchOptions) {
    this.#options = options;
  }

  get redisReachable(): boolean {
    return this.#failure === undefined;
  }

  get redisError(): string | undefined {
    return this.#failure;
  }

  get formation(): Formation | undefined {
    return this.#knownFormation;
  }

  records(): readonly NodeRecord[] {
    return [...this.#known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: string): NodeRecord | undefined {
    return this.#known.get(id);
  }

  onChange(listener: RegistryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to watch; resolves after the first try to read, whether Redis answered or not. */
  async start(): Promise<void> {
    const { redis, subscriber, refreshMs } = this.#options;
    this.#unwatch.push(
      redis.onChange(({ connected }) => {
        if (connected) this.#refreshInBackground();
      }),
      subscriber.onChange(({ connected }) => {
        if (connected) this.#subscribeInBackground();
      }),
    );
    subscriber.client.on("message", this.#onMessage);
    this.#timer = setInterval(this.#onDue, refreshMs);
    if (subscriber.state.connected) this.#subscribeInBackground();
    await this.refresh();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#graceTimer);
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    this.#options.subscriber.client.off("message", this.#onMessage);
    this.#listeners.clear();
  }

  /** Reads the registry now; true where Redis answered. Never rejects. */
  async refresh(): Promise<boolean> {
    await this.#refreshes.run();
    return this.redisReachable;
  }

  #refreshInBackground(): void {
    // readOnce() handles its own failures.
    void this.#refreshes.run();
  }

  #subscribeInBackground(): void {
    this.#options.subscriber.client.subscribe(this.#options.keys.channel).then(
      () => this.#refreshInBackground(),
      (error: unknown) =>
        this.#options.logger.debug({ err: error }, "registry: not subscribed, refreshing slowly"),
    );
  }

  #heard(message: string): void {
    const notification = decodeNotification(message);
    if (notification === undefined) return;
    if (notification.kind === "left") this.#departed.add(notification.id);
    this.#refreshInBackground();
  }

  async #readOnce(): Promise<void> {
    if (this.#stopped) return;
    try {
      const content = await this.#options.scripts.read();
      this.#failure = undefined;
      this.#take(content);
    } catch (error) {
      const { error: reason } = this.#options.redis.state;
      this.#failure = reason ?? (error instanceof Error ? error.message : String(error));
      this.#options.logger.debug({ err: error }, "registry: not read, keeping what was known");
    }
  }

  #take(content: RegistryContent): void {
    const found = this.#decode(content.records);
    const added: NodeRecord[] = [];
    const updated: NodeRecord[] = [];
    for (const record of found.values()) {
      this.#missingSince.delete(record.id);
      const before = this.#known.get(record.id);
      if (before === undefined) added.push(record);
      else if (encodeNodeRecord(before) !== encodeNodeRecord(record)) updated.push(record);
    }
    const removed = this.#settleMissing(found);
    this.#departed.clear();
    this.#known = found;
    const formed = this.#takeFormation(content.formation);
    if (added.length + updated.length + removed.length > 0 || formed) {
      this.#emit({ added, updated, removed, formation: this.#knownFormation });
    }
  }

  /** Records to give up; those that are missing for a moment only are put back into `found`. */
  #settleMissing(found: Map<string, NodeRecord>): NodeRecord[] {
    const now = performance.now();
    const { missingGraceMs } = this.#options;
    const removed: NodeRecord[] = [];
    for (const [id, record] of this.#known) {
      if (found.has(id)) continue;
      const since = this.#missingSince.get(id) ?? now;
      if (this.#departed.has(id) || now - since >= missingGraceMs) {
        this.#missingSince.delete(id);
        removed.push(record);
      } else {
        this.#missingSince.set(id, since);
        found.set(id, record);
      }
    }
    clearTimeout(this.#graceTimer);
    if (this.#missingSince.size > 0) this.#graceTimer = setTimeout(this.#onDue, missingGraceMs);
    return removed;
  }

  /**
   * A formation record that is gone is not forgotten: the mesh exists all the same. True where it
   * is another one now.
   */
  #takeFormation(text: string | undefined): boolean {
    const formation = text === undefined ? undefined : decodeFormation(text);
    if (formation === undefined) return false;
    const changed = JSON.stringify(formation) !== JSON.stringify(this.#knownFormation);
    this.#knownFormation = formation;
    return changed;
  }

  #decode(records: ReadonlyMap<string, string>): Map<string, NodeRecord> {
    const decoded = new Map<string, NodeRecord>();
    const skipped = new Map<string, string>();
    for (const [id, text] of records) {
      const record = decodeNodeRecord(text);
      if (record?.id === id) {
        decoded.set(id, record);
        continue;
      }
      skipped.set(id, text);
      if (this.#skipped.get(id) !== text) {
        this.#options.logger.warn({ nodeId: id }, "registry: skipped a record that is none");
      }
    }
    this.#skipped = skipped;
    return decoded;
  }

  #emit(change: RegistryChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}
