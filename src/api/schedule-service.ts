// mesh.v1.ScheduleService: every call is the leader's.
import type { ScheduleServiceServer } from "../gen/mesh/v1/schedule_service.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import type { LeaderSchedules } from "./task-backend.js";
import { unaryHandler } from "./unary-call.js";

export interface ScheduleServiceOptions {
  readonly schedules: LeaderSchedules;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

export function createScheduleService(options: ScheduleServiceOptions): ScheduleServiceServer {
  const { schedules, forwarder, log } = options;
  return {
    putSchedule: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            // Put again, it is as asked for already.
            repeat: "same",
            local: (own) => schedules.put(own),
            stub: (peer) => peer.schedules.putSchedule.bind(peer.schedules),
          },
          context,
        ),
      log,
    ),
    getSchedule: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "none",
            local: async (own) => ({ schedule: await schedules.get(own.name) }),
            stub: (peer) => peer.schedules.getSchedule.bind(peer.schedules),
          },
          context,
        ),
      log,
    ),
    listSchedules: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            repeat: "none",
            local: (own) => schedules.list(own),
            stub: (peer) => peer.schedules.listSchedules.bind(peer.schedules),
          },
          context,
        ),
      log,
    ),
    deleteSchedule: unaryHandler(
      (request, context) =>
        forwarder.run(
          {
            request,
            // The second time there is none any more.
            repeat: "other",
            local: async (own) => ({ schedule: await schedules.delete(own.name) }),
            stub: (peer) => peer.schedules.deleteSchedule.bind(peer.schedules),
          },
          context,
        ),
      log,
    ),
  };
}
