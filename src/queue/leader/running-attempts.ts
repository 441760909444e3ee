// How running attempts end at the leader: by what their workers report, or because their node is lost.
import type { TaskLog, TaskProgress, TaskReport } from "../../gen/mesh/v1/worker_service.js";
import type { AssignmentTable } from "../state/assignment-table.js";
import type { LeaderLogger, LeaderSettings } from "./leader-parts.js";
import type { EntryProposer } from "./entry-proposer.js";
import type { AttemptLines } from "../redis/log-writer.js";
import type { AttemptProgress } from "../redis/progress-writer.js";
import type { CommittedLog } from "./redis-sync.js";
import {
  type Ending,
  endingOf,
  endingOfLoss,
  endingOfRevocation,
  type EndingRules,
  LEASE_HAD_RUN_OUT,
} from "../task/attempt-ending.js";
import type { WorkerDirectory } from "./worker-directory.js";

export interface RunningAttemptsParts {
  readonly settings: Pick<LeaderSettings, "losses">;
  readonly table: AssignmentTable;
  readonly workers: WorkerDirectory;
  readonly proposer: Pick<EntryProposer, "finish" | "release">;
  readonly committedLog: Pick<CommittedLog, "appliedIndex">;
  readonly now: () => number;
  readonly random: () => number;
  /** Shows how far running tasks have come. Default: nobody does. */
  readonly keepProgress?: (all: readonly AttemptProgress[]) => void;
  /** Keeps what handlers write down. Default: nobody does. */
  readonly keepLines?: (all: readonly AttemptLines[]) => void;
  readonly logger: LeaderLogger;
}

export class RunningAttempts {
  readonly #parts: RunningAttemptsParts;
  /**
   * The newest report of each node on an assignment that this node has not applied itself, by node and
   * task: however often a worker sends it again, no more than there are slots.
   */
  readonly #early = new Map<string, { readonly nodeId: string; readonly report: TaskReport }>();

  constructor(parts: RunningAttemptsParts) {
    this.#parts = parts;
  }

  /** Ends attempts as their worker tells; what is not its own, or not the newest, is ignored. */
  report(nodeId: string, reports: readonly TaskReport[]): void {
    const rules = this.#rules();
    const { table, workers, committedLog } = this.#parts;
    const appliedIndex = committedLog.appliedIndex();
    for (const report of reports) {
      // A quorum of followers can be ahead of the leader's own disk, and so of its table.
      if (report.fence > appliedIndex) {
        this.#early.set(`${nodeId} ${report.taskId}`, { nodeId, report });
        continue;
      }
      const running = table.get(report.taskId);
      if (running?.nodeId !== nodeId || running.fence !== report.fence) continue;
      workers.reported(nodeId, running.assignment.type, report);
      this.#end(endingOf(running, report, rules));
    }
  }

  /** Keeps how far running tasks have come; what is not the node's own, or not the newest, is not. */
  progress(nodeId: string, all: readonly TaskProgress[]): void {
    const current = this.#ofNode(nodeId, all);
    if (current.length > 0) this.#parts.keepProgress?.(current);
  }

  /** Keeps what the handlers of running tasks have written down, under the same condition. */
  lines(nodeId: string, all: readonly TaskLog[]): void {
    const current = this.#ofNode(nodeId, all);
    if (current.length > 0) this.#parts.keepLines?.(current);
  }

  #ofNode<T extends { readonly taskId: string; readonly fence: number }>(
    nodeId: string,
    all: readonly T[],
  ): T[] {
    const { table, committedLog } = this.#parts;
    const appliedIndex = committedLog.appliedIndex();
    return all.filter(({ taskId, fence }) => {
      // As with reports: the worker may be ahead of this table. Nobody else can have that fence.
      if (fence > appliedIndex) return true;
      const running = table.get(taskId);
      return running?.nodeId === nodeId && running.fence === fence;
    });
  }

  /** A committed entry was applied to the table: what was reported early may be known by now. */
  committed(): void {
    if (this.#early.size === 0) return;
    const early = [...this.#early.values()];
    this.#early.clear();
    for (const { nodeId, report } of early) this.report(nodeId, [report]);
  }

  /**
   * The node has said that it gave up its lease and all that was assigned to it up to `index`.
   *
   * @param reports how attempts ended of which it had not been able to tell
   * @returns tasks that go to others
   */
  revoked(nodeId: string, index: number, reports: readonly TaskReport[]): number {
    const { table, workers, proposer } = this.#parts;
    workers.revoked(nodeId);
    this.report(nodeId, reports);
    const known = new Map(
      reports.map(({ taskId, fence, outcome }) => [taskId, { fence, outcome }]),
    );
    let tasks = 0;
    for (const running of [...table.ofNode(nodeId)]) {
      const { fence } = running;
      if (fence > index) continue;
      const told = known.get(running.assignment.taskId);
      const isTold = told?.fence === fence;
      if (isTold && told.outcome?.$case !== "handedBack") continue;
      if (isTold || proposer.release(endingOfRevocation(running).release)) tasks += 1;
    }
    return tasks;
  }

  /** Takes their tasks from nodes whose lease has surely run out. */
  releaseLost(nowMs: number): void {
    const { table, workers, logger } = this.#parts;
    const rules = this.#rules();
    workers.review();
    // First, so that what is released is not given to a silent node once more.
    workers.noteSilent(nowMs);
    for (const nodeId of [...table.nodes()]) {
      if (!workers.isLost(nodeId, nowMs)) continue;
      const loss = workers.lossOf(nodeId);
      const lost = [...table.ofNode(nodeId)];
      const endings = lost.map((running) => endingOfLoss(running, loss, rules, LEASE_HAD_RUN_OUT));
      const tasks = endings.filter((ending) => this.#end(ending)).length;
      if (tasks === 0) continue;
      logger.warn({ worker: nodeId, tasks, loss }, "worker lost: its tasks go to others");
    }
  }

  #end(ending: Ending): boolean {
    const { proposer } = this.#parts;
    return ending.kind === "finish"
      ? proposer.finish(ending.finish)
      : proposer.release(ending.release);
  }

  #rules(): EndingRules {
    const { settings, now, random } = this.#parts;
    return { losses: settings.losses, nowMs: now(), random };
  }
}
