// The worker of this node: it reads its assignments in the log, runs them while it holds the
// leader's lease, and reports how they ended.
import type { TaskDefinition } from "../../gen/mesh/v1/task.js";
import type { LeaseGrant, TaskReport } from "../../gen/mesh/v1/worker_service.js";
import type { RunningTask } from "../../queue/state/assignment-table.js";
import { LEASE_LOST, LEASE_REVOKED, RESTARTED, STALLED } from "../../queue/task/attempt-ending.js";
import type { Executor } from "../../worker/executor.js";
import type { TakenAway } from "../../worker/executor-options.js";
import type { AppliedEntry } from "../../queue/state/queue-machine.js";
import { AwaitingTasks } from "./awaiting-tasks.js";
import { LogOutbox } from "./log-outbox.js";
import { ProgressOutbox } from "./progress-outbox.js";
import { ReportOutbox } from "./report-outbox.js";
import type { LeaderChannel, WorkerAgentOptions } from "./worker-agent-options.js";
import { TimedLease } from "./timed-lease.js";

const SETTLE_ON_STOP_MS = 3_000;
/** What a handler is told when the log ends its attempt. */
const ABORT_REASONS = {
  finished: "superseded",
  released: "superseded",
  cancelled: "cancelled",
  overdue: "deadline-exceeded",
} as const;

export class WorkerAgent {
  readonly #options: WorkerAgentOptions;
  readonly executor: Executor;
  readonly #outbox: ReportOutbox;
  readonly #progress: ProgressOutbox;
  readonly #logs: LogOutbox;
  readonly #lease: TimedLease;
  readonly #awaiting: AwaitingTasks;
  #channel: LeaderChannel | undefined;

  constructor(options: WorkerAgentOptions) {
    this.#options = options;
    this.#outbox = new ReportOutbox((reports) => this.#send(reports));
    this.#progress = new ProgressOutbox((progress) => this.#channel?.progress(progress));
    this.#logs = new LogOutbox((logs) => {
      this.#channel?.logs(logs);
      return this.#channel !== undefined;
    });
    this.#lease = new TimedLease({
      ...options,
      onBeat: () => this.#keepalive(),
      onExpired: () => this.#giveUp(LEASE_LOST),
    });
    this.#awaiting = new AwaitingTasks({
      ...options,
      holdsLease: () => this.#lease.isHeld(),
      start: (running, definition) => this.#run(running, definition),
      handBack: (running, reason) => this.#handBack(running, reason),
    });
    this.executor = options.executor(
      (report) => {
        this.#options.lookForStall?.();
        this.#outbox.add(report);
      },
      (progress) => this.#progress.add(progress),
      () => {
        this.#options.lookForStall?.();
        this.#lease.check();
        return this.#lease.isHeld();
      },
      (taskId, fence, line) => this.#logs.add(taskId, fence, line),
    );
  }

  /** Begins to ask for leases, several times within each. */
  start(): void {
    this.#lease.start();
  }

  /** Takes no more work, and finishes or hands back what there is; stays tied to the leader. */
  async drain(graceMs: number): Promise<void> {
    this.#awaiting.handBackAll("the node is drained");
    await this.executor.stop(graceMs);
  }

  /** Finishes or hands back what runs, and waits until the log shows it. */
  async stop(graceMs: number): Promise<void> {
    await this.executor.stop(graceMs);
    this.#awaiting.handBackAll("the node is stopping");
    await this.#outbox.settled(SETTLE_ON_STOP_MS);
    this.#awaiting.stop();
    this.#lease.stop();
    this.#progress.stop();
    this.#logs.stop();
  }

  /** A leader answers: ask for the lease, and tell it what an earlier one may not have heard. */
  attached(channel: LeaderChannel): void {
    this.#channel = channel;
    this.#keepalive();
    this.#logs.flush();
    this.#outbox.resend();
  }

  /** The stream to the leader ended; the lease that it granted runs on. */
  detached(channel: LeaderChannel): void {
    if (this.#channel === channel) this.#channel = undefined;
  }

  /** A node that was frozen or cut off applies assignments that others have long since been given. */
  leaseGranted({ sequence, leaseMs, index }: LeaseGrant): void {
    this.#options.lookForStall?.();
    const wasHeld = this.#lease.isHeld();
    if (!this.#lease.granted(sequence, leaseMs)) return;
    this.#options.onLease?.(this.#lease.leftMs());
    if (!wasHeld) this.#awaiting.doubtThrough(index);
    if (!wasHeld) this.#outbox.resend();
    this.#awaiting.startAll();
  }

  /** The event loop stood still for longer than the lease: what was granted before counts no more. */
  stalled(): void {
    this.#lease.revoke();
    this.#giveUp(STALLED);
  }

  /**
   * The leader takes back what it has assigned up to `index`: nothing of it runs here, or is started
   * here, from now on, whatever lease may still be granted.
   *
   * @returns how attempts ended that the log still shows as running
   */
  revoked(index: number): readonly TaskReport[] {
    this.#options.lookForStall?.();
    this.#lease.revoke();
    this.#awaiting.doubtThrough(index);
    this.#giveUp(LEASE_REVOKED);
    return this.#outbox.all();
  }

  /**
   * An entry was applied to the table: what it gives to this node is started once the lease allows
   * it, what it ends is acknowledged or stopped.
   */
  entryApplied({ index, changes }: AppliedEntry): void {
    this.#options.lookForStall?.();
    for (const change of changes) {
      switch (change.kind) {
        case "assigned":
          if (change.running.nodeId === this.#options.nodeId) this.#assigned(change.running, index);
          break;
        case "finished":
        case "released":
        case "cancelled":
        case "overdue":
          this.#outbox.acknowledge(change);
          if (change.running?.nodeId === this.#options.nodeId) {
            this.#takenAway(change.running, ABORT_REASONS[change.kind]);
          }
          break;
        case "submitted":
        case "retried":
        case "settled":
          break;
      }
    }
    this.#awaiting.startAll();
  }

  /**
   * A snapshot has taken the place of the table: what it no longer gives to this node is taken away,
   * and what it gives to it is new, except what an older process ran.
   *
   * @param bornAtIndex what was assigned up to here ran in an older process
   */
  restored(bornAtIndex: number): void {
    const { table, nodeId } = this.#options;
    const isOurs = (taskId: string, fence: number): boolean => {
      const running = table.get(taskId);
      return running?.fence === fence && running.nodeId === nodeId;
    };
    const held = new Set<string>();
    for (const { taskId, fence } of this.executor.assignments()) {
      if (isOurs(taskId, fence)) held.add(taskId);
      else this.executor.abort(taskId, fence, "superseded");
    }
    this.#awaiting.clear();
    this.#outbox.keepOnly(isOurs);
    for (const running of table.ofNode(nodeId)) {
      const { taskId } = running.assignment;
      if (held.has(taskId) || this.#outbox.has(taskId)) continue;
      if (running.fence <= bornAtIndex) this.#handBack(running, RESTARTED);
      else this.#awaiting.add(running);
    }
    this.#awaiting.startAll();
  }

  #assigned(running: RunningTask, index: number): void {
    if (index <= this.#options.bornAtIndex) this.#handBack(running, RESTARTED);
    else this.#awaiting.add(running);
  }

  #takenAway(running: RunningTask, reason: TakenAway): void {
    this.#awaiting.drop(running);
    this.executor.abort(running.assignment.taskId, running.fence, reason);
  }

  #run(running: RunningTask, definition: TaskDefinition): void {
    const { assignment, fence } = running;
    this.executor.run({
      taskId: assignment.taskId,
      fence,
      type: definition.type,
      dataJson: definition.data,
      attempt: assignment.attempt,
      timeoutMs: definition.timeoutMs,
      queue: definition.queue,
      priority: definition.priority,
    });
  }

  #keepalive(): void {
    this.#channel?.keepalive(this.#lease.nextKeepalive());
  }

  #giveUp(reason: string): void {
    const held = this.executor.assignments();
    if (held.length === 0) return;
    this.#options.logger.warn(
      { tasks: held.length, reason },
      "lease lost: the handlers are told to stop",
    );
    this.executor.abortAll("lease-lost");
    for (const { taskId, fence } of held) {
      const running = this.#options.table.get(taskId);
      // The leader may still count them as ours: it then learns that they are not run here.
      if (running?.fence === fence) this.#handBack(running, reason);
    }
  }

  /**
   * Without a lease nothing that ended here may count any more: it is told once there is a new one,
   * unless the log has ended the attempt by then. Whether it counts the leader sees by the fence.
   */
  #send(reports: readonly TaskReport[]): void {
    this.#options.lookForStall?.();
    const told = this.#lease.isHeld()
      ? reports
      : reports.filter(({ outcome }) => outcome?.$case === "handedBack");
    if (told.length === 0) return;
    // What was said before the end: after it the leader takes nothing more of the attempt.
    this.#progress.flush();
    this.#logs.flush();
    this.#channel?.reports(told);
  }

  #handBack({ assignment, fence, assignedAtMs }: RunningTask, reason: string): void {
    this.#outbox.add({
      taskId: assignment.taskId,
      fence,
      startedAtMs: assignedAtMs,
      finishedAtMs: assignedAtMs,
      outcome: { $case: "handedBack", value: reason },
    });
  }
}
