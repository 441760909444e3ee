// mesh.v1.ScheduleService: every call is the leader's.
import type { ScheduleServiceServer } from "../gen/mesh/v1/schedule_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { leaderHandler } from "./leader-call.js";
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
    putSchedule: leaderHandler(
      options,
      // Put again, it is as asked for already.
      "same",
      (own) => schedules.put(own),
      (peer) => peer.schedules.putSchedule.bind(peer.schedules),
    ),
    getSchedule: leaderHandler(
      options,
      "none",
      async (own) => ({ schedule: await schedules.get(own.name) }),
      (peer) => peer.schedules.getSchedule.bind(peer.schedules),
    ),
    listSchedules: leaderHandler(
      options,
      "none",
      (own) => schedules.list(own),
      (peer) => peer.schedules.listSchedules.bind(peer.schedules),
    ),
    deleteSchedule: leaderHandler(
      options,
      // The second time there is none any more.
      "other",
      async (own) => ({ schedule: await schedules.delete(own.name) }),
      (peer) => peer.schedules.deleteSchedule.bind(peer.schedules),
    ),
  };
}
