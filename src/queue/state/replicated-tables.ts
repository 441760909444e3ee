// The list of what every node holds in memory of the queue's state: what is not in it is lost where a
// node begins from a snapshot. A table that is new adds itself here.
import {
  DrainedNode,
  NodeStatistics,
  OperationRecord,
  RunningRecord,
  VersionRecord,
} from "../../gen/mesh/v1/snapshot.js";
import { QueueRecord } from "../../gen/mesh/v1/queue.js";
import { ScheduleState } from "../../gen/mesh/v1/schedule.js";
import type { AssignmentTable, RunningTask } from "./assignment-table.js";
import type { OperationTable } from "./operation-table.js";
import type { QueueTable } from "./queue-table.js";
import type { DrainTable } from "./drain-table.js";
import type { MeshVersion } from "./mesh-version.js";
import type { ScheduleTable } from "./schedule-table.js";
import type { WorkerStatistics } from "./worker-stats.js";

/** A table that changes by applying the log alone, in records of its own making. */
export interface ReplicatedTable {
  /** Stands in snapshots: never to be changed. */
  readonly name: string;
  /** What people have set, and no task tells: kept beside the tasks in Redis, too. */
  readonly isSetting: boolean;
  /** All there is, now. */
  readonly records: () => readonly Uint8Array[];
  /** Puts these in the place of everything; none where the snapshot is older than the table. */
  readonly restore: (records: readonly Uint8Array[]) => void;
}

/** Every table, as snapshots write it and read it. */
export function replicatedTables(tables: {
  readonly table: AssignmentTable;
  readonly schedules: ScheduleTable;
  readonly drains: DrainTable;
  readonly queues: QueueTable;
  readonly operations: OperationTable;
  readonly statistics: WorkerStatistics;
  readonly version: MeshVersion;
}): readonly ReplicatedTable[] {
  const { table, schedules, drains, queues, operations, statistics, version } = tables;
  return [
    {
      // First, so that a node which is too old to read on says that, and not what it stumbled over.
      name: "version",
      isSetting: true,
      records: () =>
        version.toSnapshot().map((active) => VersionRecord.encode({ active }).finish()),
      restore: (records) => version.restore(records.map((one) => VersionRecord.decode(one).active)),
    },
    {
      name: "assignments",
      isSetting: false,
      records: () => table.toSnapshot().map((one) => RunningRecord.encode(one).finish()),
      restore: (records) => table.restore(records.map(runningTask)),
    },
    {
      name: "schedules",
      isSetting: true,
      records: () => schedules.toSnapshot().map((one) => ScheduleState.encode(one).finish()),
      restore: (records) => schedules.restore(records.map((one) => ScheduleState.decode(one))),
    },
    {
      name: "drains",
      isSetting: true,
      records: () => drains.toSnapshot().map((one) => DrainedNode.encode(one).finish()),
      restore: (records) => drains.restore(records.map((one) => DrainedNode.decode(one))),
    },
    {
      name: "queues",
      isSetting: true,
      records: () => queues.toSnapshot().map((one) => QueueRecord.encode(one).finish()),
      restore: (records) => queues.restore(records.map((one) => QueueRecord.decode(one))),
    },
    {
      name: "operations",
      isSetting: false,
      records: () => operations.toSnapshot().map((one) => OperationRecord.encode(one).finish()),
      restore: (records) => operations.restore(records.map((one) => OperationRecord.decode(one))),
    },
    {
      name: "statistics",
      isSetting: false,
      records: () =>
        [...statistics.all()].map(([nodeId, stats]) =>
          NodeStatistics.encode({ nodeId, ...stats }).finish(),
        ),
      restore: (records) =>
        statistics.restore(
          records.map((one) => {
            const { nodeId, completed, failed } = NodeStatistics.decode(one);
            return [nodeId, { completed, failed }];
          }),
        ),
    },
  ];
}

function runningTask(record: Uint8Array): RunningTask {
  const { assignment, ...rest } = RunningRecord.decode(record);
  if (assignment === undefined) throw new Error("a running task without its assignment");
  return { ...rest, assignment };
}
