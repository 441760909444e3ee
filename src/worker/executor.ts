// Runs the tasks that were assigned to this node, so many at a time, and says how each ended. It
// holds no lease and knows no leader: who tells it to abort decides why.
import { Attempt, type TaskAssignment } from "./attempt.js";
import type { AttemptListener } from "./attempt-context.js";
import type { HandlerPlace } from "./handler-place.js";
import type { RegisteredType } from "./handler-registry.js";
import { type AttemptResult, DEFAULT_MAX_RESULT_BYTES } from "./outcome.js";
import type { ExecutorCounts, ExecutorOptions, TakenAway } from "./executor-options.js";
import { startTimeout } from "./long-timeout.js";
import { runHandler } from "./run-handler.js";

/** Assignments that wait for a slot, per slot; past it one is handed back. */
export const MAX_WAITING_PER_SLOT = 4;

/**
 * Invariants: a task id is running or waiting at most once, with its highest fence; running <= slots;
 * a slot is free as soon as its attempt is settled or aborted, even where the handler goes on. A task
 * whose type runs in threads waits for a thread, too, and others overtake it.
 */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #maxResultBytes: number;
  readonly #nowMs: () => number;
  readonly #running = new Map<string, Attempt>();
  /** In the order of arrival. */
  readonly #waiting = new Map<string, TaskAssignment>();
  #completed = 0;
  #failed = 0;
  #scheduled: NodeJS.Immediate | undefined;
  #stopping: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  /** Of a stop that waits for handlers. */
  #giveUpAfter: ((graceMs: number) => void) | undefined;

  constructor(options: ExecutorOptions) {
    if (!Number.isInteger(options.slots) || options.slots < 1) {
      throw new RangeError(`slots must be a positive integer, not ${options.slots}`);
    }
    this.#options = options;
    this.#maxResultBytes = options.maxResultBytes ?? DEFAULT_MAX_RESULT_BYTES;
    this.#nowMs = options.nowMs ?? Date.now;
    for (const place of Object.values(options.places)) place.onChange(() => this.#placeChanged());
  }

  /**
   * Takes an assignment; its handler starts in a later turn of the event loop, so that a handler
   * that works synchronously does not hold up whoever hands out assignments. One that is known
   * already is ignored; one with a higher fence supersedes the older run of the same task.
   */
  run(assignment: TaskAssignment): void {
    const { taskId, fence } = assignment;
    const known = this.#running.get(taskId)?.assignment.fence ?? this.#waiting.get(taskId)?.fence;
    if (known !== undefined) {
      if (known >= fence) return;
      this.abort(taskId, known, "superseded");
    }
    const refusal = this.#refusal(assignment);
    if (refusal !== undefined) {
      this.#handBack(assignment, refusal, 0);
      return;
    }
    this.#waiting.set(taskId, assignment);
    this.#schedule();
  }

  /** Takes one task away. False where it is not here with this fence. Nothing is reported. */
  abort(taskId: string, fence: number, reason: TakenAway): boolean {
    if (this.#waiting.get(taskId)?.fence === fence) {
      this.#waiting.delete(taskId);
      return true;
    }
    const attempt = this.#running.get(taskId);
    if (attempt?.assignment.fence !== fence) return false;
    this.#release(attempt);
    attempt.abort(reason);
    return true;
  }

  /** Takes every task away, such as when the lease is lost; returns how many there were. */
  abortAll(reason: TakenAway): number {
    const held = this.assignments();
    for (const { taskId, fence } of held) this.abort(taskId, fence, reason);
    return held.length;
  }

  /**
   * Takes no more work, hands back what waits, lets the handlers finish for `graceMs`, then aborts
   * those that are left and hands them back. Resolves when nothing runs; a second call can only
   * shorten the grace, and resolves with the first.
   */
  stop(graceMs: number): Promise<void> {
    if (this.#stopping === undefined) this.#stopping = this.#stop(graceMs);
    else this.#giveUpAfter?.(graceMs);
    return this.#stopping;
  }

  /** What runs and waits here. */
  assignments(): readonly TaskAssignment[] {
    return [
      ...[...this.#running.values()].map((attempt) => attempt.assignment),
      ...this.#waiting.values(),
    ];
  }

  counts(): ExecutorCounts {
    return {
      running: this.#running.size,
      waiting: this.#waiting.size,
      completed: this.#completed,
      failed: this.#failed,
    };
  }

  async #stop(graceMs: number): Promise<void> {
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    for (const assignment of this.#waiting.values()) {
      this.#handBack(assignment, "the node is stopping", 0);
    }
    this.#waiting.clear();
    if (this.#running.size > 0) await this.#finishOrHandBack(graceMs);
    await Promise.all(Object.values(this.#options.places).map((place) => place.close()));
  }

  async #finishOrHandBack(graceMs: number): Promise<void> {
    const stopTimers: (() => void)[] = [];
    await new Promise<void>((resolve) => {
      this.#giveUpAfter = (ms) => stopTimers.push(startTimeout(ms, resolve));
      this.#giveUpAfter(graceMs);
      this.#onIdle = resolve;
    });
    for (const stopTimer of stopTimers) stopTimer();
    this.#giveUpAfter = undefined;
    this.#onIdle = undefined;
    for (const attempt of [...this.#running.values()]) {
      this.#release(attempt);
      attempt.abort("stopping");
      this.#handBack(
        attempt.assignment,
        "the node stopped before the handler ended",
        attempt.startedAtMs,
      );
    }
  }

  #refusal(assignment: TaskAssignment): string | undefined {
    if (this.#stopping !== undefined) return "the node is stopping";
    const taskType = this.#options.handlers.get(assignment.type);
    if (taskType === undefined) {
      return `the node has no handler for type ${JSON.stringify(assignment.type)}`;
    }
    const placeRefusal = this.#placeOf(taskType)?.refusal;
    if (placeRefusal !== undefined) return placeRefusal;
    if (this.#waiting.size >= this.#options.slots * MAX_WAITING_PER_SLOT) {
      return "the node has no slot free";
    }
    return undefined;
  }

  #schedule(): void {
    if (this.#scheduled !== undefined || this.#waiting.size === 0) return;
    if (this.#running.size >= this.#options.slots) return;
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined;
      this.#startWaiting();
    });
  }

  #startWaiting(): void {
    for (const [taskId, assignment] of this.#waiting) {
      if (this.#running.size >= this.#options.slots) return;
      if (this.#options.mayStart?.() === false) return;
      const taskType = this.#options.handlers.get(assignment.type);
      if (taskType === undefined) {
        throw new Error(`no handler for ${assignment.type}: it was accepted without one`);
      }
      if (this.#placeOf(taskType)?.hasFree === false) continue;
      this.#waiting.delete(taskId);
      this.#start(assignment, taskType);
    }
  }

  /** Undefined for the node's own thread. */
  #placeOf(taskType: RegisteredType): HandlerPlace | undefined {
    return taskType.place === "node" ? undefined : this.#options.places[taskType.place];
  }

  /** What waits for a place that starts nothing for a while another node may run. */
  #placeChanged(): void {
    for (const [taskId, assignment] of this.#waiting) {
      const taskType = this.#options.handlers.get(assignment.type);
      const refusal = taskType && this.#placeOf(taskType)?.refusal;
      if (refusal === undefined) continue;
      this.#waiting.delete(taskId);
      this.#handBack(assignment, refusal, 0);
    }
    this.#schedule();
  }

  #start(assignment: TaskAssignment, taskType: RegisteredType): void {
    const maxResultBytes = this.#maxResultBytes;
    const nowMs = this.#nowMs;
    const attempt = new Attempt({
      assignment,
      run: (order, listener) =>
        taskType.place === "node"
          ? runHandler({
              handler: taskType.handler,
              assignment,
              order,
              listener,
              maxResultBytes,
              nowMs,
            })
          : this.#options.places[taskType.place].run(assignment, maxResultBytes, order, listener),
      listener: this.#listenerFor(assignment),
      nowMs,
      onSettled: (result) => {
        this.#settled(attempt, result);
      },
    });
    this.#running.set(assignment.taskId, attempt);
    attempt.start();
  }

  #listenerFor(assignment: TaskAssignment): AttemptListener {
    const { progress, line } = this.#options;
    return {
      progress: (percent) => progress?.(assignment.taskId, assignment.fence, percent),
      line: (said) => line?.(assignment, said),
    };
  }

  #settled(attempt: Attempt, result: AttemptResult): void {
    this.#release(attempt);
    const { taskId, fence } = attempt.assignment;
    const times = { startedAtMs: attempt.startedAtMs, finishedAtMs: this.#nowMs() };
    if (result.kind === "result") {
      this.#completed += 1;
      const outcome = { $case: "result", value: result.json } as const;
      this.#options.report({ taskId, fence, ...times, outcome });
      return;
    }
    this.#options.failed?.(attempt.assignment, result);
    if (result.kind === "failure") {
      this.#failed += 1;
      const outcome = { $case: "failure", value: result.failure } as const;
      this.#options.report({ taskId, fence, ...times, outcome });
    } else {
      const $case = result.lost ? "lost" : "handedBack";
      const outcome = { $case, value: result.reason } as const;
      this.#options.report({ taskId, fence, ...times, outcome });
    }
  }

  /** `startedAtMs` is 0 where the handler was not run. */
  #handBack(assignment: TaskAssignment, reason: string, startedAtMs: number): void {
    this.#options.report({
      taskId: assignment.taskId,
      fence: assignment.fence,
      startedAtMs,
      finishedAtMs: this.#nowMs(),
      outcome: { $case: "handedBack", value: reason },
    });
  }

  /** Frees the slot of an attempt that is over. */
  #release(attempt: Attempt): void {
    const { taskId } = attempt.assignment;
    if (this.#running.get(taskId) !== attempt) return;
    this.#running.delete(taskId);
    this.#schedule();
    if (this.#running.size === 0) this.#onIdle?.();
  }
}
