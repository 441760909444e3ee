// Definitions of the tasks submitted last, as every node reads them in its own log: an assignee
// needs no call to learn what to run, and a submission that was sent twice is recognised.
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import { OldestFirstMap } from "../oldest-first-map.js";
import { IDEMPOTENCY_WINDOW_MS } from "./definition-rules.js";

/** What an entry weighs beside its text: the map's slot and the object's fields. */
const ENTRY_OVERHEAD_BYTES = 400;
const ID_BYTES = 64;

export class DefinitionCache {
  readonly #maxBytes: number;
  readonly #byId = new OldestFirstMap<string, TaskDefinition>();
  readonly #byKey = new Map<string, TaskDefinition>();
  readonly #ended = new Set<string>();
  #sizeBytes = 0;

  /** @param maxBytes bound of the memory held, about; the oldest go first. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(id: string): TaskDefinition | undefined {
    return this.#byId.get(id);
  }

  /** The task that was submitted under an idempotency key, while the key's window lasts. */
  ofKey(key: string, nowMs: number): TaskDefinition | undefined {
    const definition = this.#byKey.get(key);
    if (definition === undefined) return undefined;
    return definition.createdAtMs + IDEMPOTENCY_WINDOW_MS > nowMs ? definition : undefined;
  }

  /** Whether the task, known here, has reached its end; it may have been run again since. */
  hasEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  /** Notes that the task has reached its end; no effect on one that is not known here. */
  markEnded(id: string): void {
    if (this.#byId.has(id)) this.#ended.add(id);
  }

  /** A task was submitted; the oldest give way where the memory is full. */
  add(definition: TaskDefinition): void {
    if (this.#byId.has(definition.id)) return;
    this.#byId.set(definition.id, definition);
    if (definition.idempotencyKey !== "") this.#byKey.set(definition.idempotencyKey, definition);
    this.#sizeBytes += weightBytes(definition);
    while (this.#sizeBytes > this.#maxBytes) {
      const oldest = this.#byId.takeOldest();
      if (oldest === undefined) break;
      this.#forget(oldest);
    }
  }

  /** Forgets what else is known of a definition that was taken out. */
  #forget(definition: TaskDefinition): void {
    this.#ended.delete(definition.id);
    this.#sizeBytes -= weightBytes(definition);
    const { idempotencyKey } = definition;
    if (this.#byKey.get(idempotencyKey) === definition) this.#byKey.delete(idempotencyKey);
  }
}

function weightBytes(definition: TaskDefinition): number {
  const { data, after } = definition;
  return ENTRY_OVERHEAD_BYTES + data.length * 2 + after.length * ID_BYTES;
}
