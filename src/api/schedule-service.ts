// mesh.v1.ScheduleService: every call is the leader's.
import type { ScheduleServiceServer } from "../gen/mesh/v1/schedule_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { changeHandler, leaderHandler } from "./leader-call.js";
import type { LeaderScheduleOperations } from "./task-backend.js";

export interface ScheduleServiceOptions {
  readonly schedules: LeaderScheduleOperations;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

/** mesh.v1.ScheduleService; done by the leader. */
export function createScheduleService(options: ScheduleServiceOptions): ScheduleServiceServer {
  const { schedules } = options;
  return {
    putSchedule: changeHandler(
      options,
      (own) => schedules.put(own),
      (peer) => peer.schedules.putSchedule.bind(peer.schedules),
    ),
    getSchedule: leaderHandler(
      options,
      async (own) => ({ schedule: await schedules.get(own.name) }),
      (peer) => peer.schedules.getSchedule.bind(peer.schedules),
    ),
    listSchedules: leaderHandler(
      options,
      (own) => schedules.list(own),
      (peer) => peer.schedules.listSchedules.bind(peer.schedules),
    ),
    deleteSchedule: changeHandler(
      options,
      async (own) => ({ schedule: await schedules.delete(own) }),
      (peer) => peer.schedules.deleteSchedule.bind(peer.schedules),
    ),
  };
}
