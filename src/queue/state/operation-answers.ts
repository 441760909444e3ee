// What the replicated tables answer to a call: fixed as it takes effect, so that one that is sent again
// is told the same, whatever has changed since.
import type { CommandBatch } from "../../gen/mesh/v1/command.js";
import { QueueControls } from "../../gen/mesh/v1/queue.js";
import { DeleteScheduleResponse, PutScheduleResponse } from "../../gen/mesh/v1/schedule_service.js";
import { NO_LIMITS, type QueueTable } from "./queue-table.js";
import type { ScheduleTable } from "./schedule-table.js";

interface Tables {
  readonly queues: QueueTable;
  readonly schedules: ScheduleTable;
}

/**
 * Call it before the command is applied, and what it returns behind it.
 *
 * @returns undefined where the tables have nothing to say
 */
export function pendingAnswer(
  { queues, schedules }: Tables,
  { commands: [command] }: CommandBatch,
): (() => Uint8Array) | undefined {
  const kind = command?.kind;
  switch (kind?.$case) {
    case "configureQueue": {
      const { name } = kind.value;
      const nothing = { name, paused: false, limits: NO_LIMITS };
      return () => QueueControls.encode(queues.get(name) ?? nothing).finish();
    }
    case "putSchedule": {
      const name = kind.value.schedule?.name ?? "";
      const created = schedules.get(name) === undefined;
      return () => PutScheduleResponse.encode({ schedule: schedules.get(name), created }).finish();
    }
    case "deleteSchedule": {
      const schedule = schedules.get(kind.value.name);
      return () => DeleteScheduleResponse.encode({ schedule }).finish();
    }
    default:
      return undefined;
  }
}
