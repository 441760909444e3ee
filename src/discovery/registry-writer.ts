// Keeps one node's record, and its mesh's formation record, in the registry for as long as the node
// lives: whatever Redis does in between, both are there again soon after it is back.
import { errorReplyOf } from "../redis/error-reply.js";
import type { RedisConnection } from "../redis/connection.js";
import type { Logger } from "../telemetry/logger.js";
import { MeshMismatch } from "./errors.js";
import { decodeFormation, encodeFormation, type FormationMember } from "./formation-record.js";
import { encodeNodeRecord, type NodeRecord } from "./node-record.js";
import type { RegistryScripts } from "./registry-scripts.js";
import { SingleFlight } from "./single-flight.js";

/** The mesh that a node's Raft state belongs to. */
export interface OwnMesh {
  readonly meshId: string;
  /** Members to write into a formation record that is missing. */
  readonly members: readonly FormationMember[];
  /** Meshes that it has taken the place of after a disaster: their formation record gives way to its own. */
  readonly supersedes?: readonly string[];
}

export type RecordChange = Partial<Omit<NodeRecord, "id" | "meshId">>;

export interface RegistryWriterOptions {
  readonly redis: RedisConnection;
  readonly scripts: RegistryScripts;
  /** Without meshId: that comes with `mesh` or with `adopt`. */
  readonly record: Omit<NodeRecord, "meshId">;
  /** Mesh of the Raft state that the node started with, if it had one. */
  readonly mesh: OwnMesh | undefined;
  readonly ttlMs: number;
  readonly heartbeatMs: number;
  readonly logger: Logger;
}

export class RegistryWriter {
  readonly #options: RegistryWriterOptions;
  #current: NodeRecord;
  #mesh: OwnMesh | undefined;
  readonly #beats = new SingleFlight(() => this.#beat());
  readonly #onDue = (): void => this.#beatInBackground();
  #unwatch: () => void = () => undefined;
  #refused: string | undefined;
  /** With which this node was last registered. */
  #knownMesh: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #mismatch: MeshMismatch | undefined;
  #stopped = false;

  constructor(options: RegistryWriterOptions) {
    this.#options = options;
    this.#mesh = options.mesh;
    this.#current = { ...options.record, meshId: options.mesh?.meshId };
  }

  /** What is, or will be when Redis is there, in the registry. */
  get record(): NodeRecord {
    return this.#current;
  }

  /** What a Redis that answers said to the last heartbeat in place of taking it, as when it is full. */
  get refusal(): string | undefined {
    return this.#refused;
  }

  /**
   * Registers, and again every heartbeat. Resolves after the first try, also where Redis did not
   * answer: the node goes on without it.
   * @throws MeshMismatch where the registry holds another mesh than the node's Raft state
   */
  async start(): Promise<void> {
    this.#unwatch = this.#options.redis.onChange(({ connected }) => {
      if (connected) this.#beatInBackground();
    });
    this.#timer = setInterval(this.#onDue, this.#options.heartbeatMs);
    await this.#write();
  }

  /** Changes the record; the others hear of it at once. */
  async update(change: RecordChange): Promise<void> {
    this.#current = { ...this.#current, ...change };
    await this.#write();
  }

  /**
   * The node has Raft state from now on. Resolves after the first try; true where Redis has it, which
   * then tells this node from one that never had any.
   * @throws MeshMismatch where the registry holds another mesh
   */
  async adopt(mesh: OwnMesh): Promise<boolean> {
    this.setMesh(mesh);
    await this.#write();
    return this.#knownMesh === mesh.meshId;
  }

  /** Members for a formation record that has to be written again; call it when they change. */
  setMesh(mesh: OwnMesh): void {
    this.#mesh = mesh;
    this.#current = { ...this.#current, meshId: mesh.meshId };
  }

  /** Takes the record away, if Redis is there, and stops. Never rejects. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#unwatch();
    // A heartbeat under way would put the record back.
    await this.#beats.run();
    try {
      await this.#options.scripts.unregister(this.#current.id, encodeNodeRecord(this.#current));
    } catch (error) {
      this.#options.logger.debug({ err: error }, "registry: not unregistered, the record expires");
    }
  }

  async #write(): Promise<void> {
    await this.#beats.run();
    if (this.#mismatch !== undefined) throw this.#mismatch;
  }

  #beatInBackground(): void {
    // Rejections are handled in beat().
    void this.#beats.run();
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    const mesh = this.#mesh;
    const current = this.#current;
    try {
      const reply = await this.#options.scripts.heartbeat({
        id: current.id,
        record: encodeNodeRecord(current),
        ttlMs: this.#options.ttlMs,
        meshId: mesh?.meshId,
        formation: mesh === undefined ? undefined : formationOf(mesh),
        supersedes: mesh?.supersedes ?? [],
      });
      this.#refused = undefined;
      if (reply.kind === "registered") this.#knownMesh = mesh?.meshId;
      this.#note(reply.kind === "mismatch" ? reply.formation : undefined, mesh);
    } catch (error) {
      this.#noteFailure(error);
    }
  }

  #noteFailure(error: unknown): void {
    const before = this.#refused;
    this.#refused = errorReplyOf(error);
    if (this.#refused === undefined || this.#refused === before) {
      this.#options.logger.debug({ err: error }, "registry: heartbeat failed");
    } else {
      this.#options.logger.warn({ reason: this.#refused }, "registry: Redis refuses the heartbeat");
    }
  }

  #note(foreign: string | undefined, mesh: OwnMesh | undefined): void {
    if (foreign === undefined || mesh === undefined) {
      this.#mismatch = undefined;
      return;
    }
    const found = decodeFormation(foreign)?.meshId ?? "(unreadable)";
    if (this.#mismatch === undefined || this.#mismatch.foundMeshId !== found) {
      this.#mismatch = new MeshMismatch(mesh.meshId, found);
      this.#options.logger.error({ err: this.#mismatch }, "registry: not registered");
    }
  }
}

function formationOf({ meshId, members }: OwnMesh): string {
  return encodeFormation({ meshId, members, rewritten: true });
}
