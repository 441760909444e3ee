// Holds Redis, the assignment table and the log against one another, and tells every contradiction.
import type { VerifyResponse } from "../../gen/mesh/v1/cluster_service.js";
import type { AssignmentTable, RunningTask } from "../../queue/state/assignment-table.js";
import { QueueError } from "../../queue/errors.js";
import type { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import { CountingLost } from "../../queue/redis/errors.js";
import type { AuditFinding, RedisAudit, StoredRun } from "../../queue/redis/audit.js";
import { SnapshotReplaced } from "../../raft/index.js";
import type { LogAudit } from "./log-audit.js";
import { unavailable } from "../reads/task-reads.js";

/** Contradictions that are told in full; the others are counted. */
const MAX_TOLD = 100;
/** How long Redis may take to reflect what the table holds. */
const IN_STEP_MS = 10_000;
const RETRY_AFTER_MS = 5_000;

export interface AuditParts {
  readonly table: AssignmentTable;
  /** Last entry that the table reflects. */
  readonly appliedIndex: () => number;
  readonly appliedWatch: AppliedIndexWatch;
  readonly appliedEntry: () => Promise<{ readonly index: number; readonly term: number }>;
  /** Term of an entry of the log; undefined where it is not kept any more, or not there yet. */
  readonly termAt: (index: number) => number | undefined;
  readonly commitIndex: () => number;
  readonly logAudit: Pick<LogAudit, "run">;
  /** Of a Redis that reflects the log up to `shows` at least. */
  readonly redisAudit: (shows: number, onFinding: (finding: AuditFinding) => void) => RedisAudit;
}

export class Audit {
  readonly #parts: AuditParts;
  #underWay = false;

  constructor(parts: AuditParts) {
    this.#parts = parts;
  }

  /** @throws QueueError "overloaded" while another one is under way, "redis_unavailable" */
  async run(signal: AbortSignal): Promise<VerifyResponse> {
    if (this.#underWay) {
      throw new QueueError("overloaded", "another audit is under way", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    this.#underWay = true;
    try {
      return await this.#run(signal);
    } catch (error) {
      const message = interruption(error);
      if (message === undefined) throw unavailable(error);
      throw new QueueError("redis_unavailable", message, {
        retryAfterMs: RETRY_AFTER_MS,
        cause: error,
      });
    } finally {
      this.#underWay = false;
    }
  }

  async #run(signal: AbortSignal): Promise<VerifyResponse> {
    const startedMs = performance.now();
    const contradictions: AuditFinding[] = [];
    let count = 0;
    const tell = (finding: AuditFinding): void => {
      count += 1;
      if (contradictions.length < MAX_TOLD) contradictions.push(finding);
    };
    const tableIndex = this.#parts.appliedIndex();
    const owned = new Map<string, RunningTask>();
    for (const running of this.#parts.table.all()) owned.set(running.assignment.taskId, running);
    if (!(await this.#parts.appliedWatch.waitFor(tableIndex, IN_STEP_MS))) {
      throw new QueueError("redis_unavailable", "Redis does not follow the log: verify it later", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    const audit = this.#parts.redisAudit(tableIndex, tell);
    const { tasks, running } = await audit.walk(signal);
    await audit.counts(signal);
    await this.#parts.logAudit.run(tableIndex, tell, signal);
    // What began or ended since the table was read is no contradiction.
    for (const run of running) {
      if (run.changedIndex > tableIndex) continue;
      const owner = owned.get(run.taskId);
      if (owner === undefined)
        tell({ taskId: run.taskId, text: `${runText(run)}, without an owner` });
      else if (!isSame(owner, run)) tell({ taskId: run.taskId, text: difference(owner, run) });
    }
    await this.#lookAtOwned(owned, tableIndex, tell);
    const redisIndex = await this.#lookAtLog(tell);
    return {
      tasks,
      assignments: owned.size,
      tableIndex,
      redisIndex,
      contradictions: contradictions.map((finding) => ({ ...finding })),
      contradictionCount: count,
      tookMs: Math.round(performance.now() - startedMs),
    };
  }

  /** Each task of the table runs in Redis, too, unless a later entry has ended that. */
  async #lookAtOwned(
    owned: ReadonlyMap<string, RunningTask>,
    tableIndex: number,
    tell: (finding: AuditFinding) => void,
  ): Promise<void> {
    const stored = new Map<string, StoredRun>();
    // What the sets say of them was told by the walk.
    const audit = this.#parts.redisAudit(tableIndex, () => undefined);
    for (const run of await audit.look("", [...owned.keys()])) stored.set(run.taskId, run);
    for (const [taskId, owner] of owned) {
      const run = stored.get(taskId);
      if (run !== undefined && run.fence >= owner.fence) continue;
      // Where Redis shows it as ended, so must the table, which is never behind Redis.
      if (this.#parts.table.get(taskId)?.fence !== owner.fence) continue;
      const text = run === undefined ? "does not run in Redis" : difference(owner, run);
      tell({ taskId, text: `is run by ${owner.nodeId} (fence ${owner.fence}), and ${text}` });
    }
  }

  async #lookAtLog(tell: (finding: AuditFinding) => void): Promise<number> {
    const { index, term } = await this.#parts.appliedEntry();
    const own = this.#parts.termAt(index);
    if (index > this.#parts.commitIndex()) {
      tell({ taskId: "", text: `Redis has applied entry ${index}, which is not committed` });
    } else if (own !== undefined && own !== term) {
      const text = `Redis has applied entry ${index} of term ${term}, the log has it of term ${own}`;
      tell({ taskId: "", text });
    }
    return index;
  }
}

function interruption(error: unknown): string | undefined {
  if (error instanceof CountingLost) {
    return "Redis lost writes while its tasks were counted: verify it later";
  }
  return error instanceof SnapshotReplaced ? `${error.message}: verify it later` : undefined;
}

function isSame(owner: RunningTask, run: StoredRun): boolean {
  return owner.nodeId === run.nodeId && owner.fence === run.fence;
}

function runText({ nodeId, fence }: StoredRun): string {
  return `runs on ${nodeId} (fence ${fence}) in Redis`;
}

function difference(owner: RunningTask, run: StoredRun): string {
  return `${runText(run)}, on ${owner.nodeId} (fence ${owner.fence}) in the assignment table`;
}
