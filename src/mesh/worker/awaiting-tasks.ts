// What the log has assigned to this node and no handler has been started for yet: the lease, or the
// definition of the task, is still to come.
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { RunningTask } from "../../queue/state/assignment-table.js";
import type { DefinitionCache } from "../../queue/state/definition-cache.js";
import { LEASE_HAD_RUN_OUT } from "../../queue/task/attempt-ending.js";
import type { Logger } from "../../telemetry/logger.js";

/** Wait before definitions are asked of Redis again. */
const FETCH_RETRY_MS = 250;

export interface AwaitingTasksOptions {
  readonly definitions: DefinitionCache;
  /** Definitions that are not in the log's recent part; throws while Redis is down. */
  readonly fetchDefinitions: (
    ids: readonly string[],
  ) => Promise<ReadonlyMap<string, TaskDefinition>>;
  readonly holdsLease: () => boolean;
  readonly start: (running: RunningTask, definition: TaskDefinition) => void;
  readonly handBack: (running: RunningTask, reason: string) => void;
  readonly logger: Logger;
}

export class AwaitingTasks {
  readonly #options: AwaitingTasksOptions;
  readonly #tasks = new Map<string, RunningTask>();
  /** Assignments up to here may have been taken away while this node held no lease. */
  #doubtedThrough = 0;
  #fetching = false;
  #stopped = false;

  constructor(options: AwaitingTasksOptions) {
    this.#options = options;
  }

  add(running: RunningTask): void {
    this.#tasks.set(running.assignment.taskId, running);
  }

  drop({ assignment, fence }: RunningTask): void {
    const { taskId } = assignment;
    if (this.#tasks.get(taskId)?.fence === fence) this.#tasks.delete(taskId);
  }

  clear(): void {
    this.#tasks.clear();
  }

  /** What was assigned up to `index` is handed back, not started. */
  doubtThrough(index: number): void {
    this.#doubtedThrough = Math.max(this.#doubtedThrough, index);
  }

  handBackAll(reason: string): void {
    for (const running of this.#tasks.values()) this.#options.handBack(running, reason);
    this.#tasks.clear();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Starts what can be started now. */
  startAll(): void {
    if (this.#tasks.size === 0 || !this.#options.holdsLease()) return;
    const missing: string[] = [];
    for (const [taskId, running] of this.#tasks) {
      if (running.fence <= this.#doubtedThrough) {
        this.#tasks.delete(taskId);
        this.#options.handBack(running, LEASE_HAD_RUN_OUT);
        continue;
      }
      const definition = this.#options.definitions.get(taskId);
      if (definition === undefined) missing.push(taskId);
      else this.#start(running, definition);
    }
    if (missing.length > 0) void this.#fetch(missing);
  }

  #start(running: RunningTask, definition: TaskDefinition): void {
    this.#tasks.delete(running.assignment.taskId);
    this.#options.start(running, definition);
  }

  async #fetch(ids: readonly string[]): Promise<void> {
    if (this.#fetching || this.#stopped) return;
    this.#fetching = true;
    try {
      const found = await this.#options.fetchDefinitions(ids);
      for (const [taskId, definition] of found) {
        const running = this.#tasks.get(taskId);
        if (running !== undefined && this.#options.holdsLease()) this.#start(running, definition);
      }
    } catch (error) {
      this.#options.logger.debug({ err: error }, "definitions not read, Redis does not answer");
    }
    setTimeout(
      () => {
        this.#fetching = false;
        this.startAll();
      },
      this.#tasks.size > 0 ? FETCH_RETRY_MS : 0,
    );
  }
}
