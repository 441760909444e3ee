// What clients ask of schedules, where this node leads.
import type { LeaderSchedules } from "../../api/task-backend.js";
import type { ScheduleState } from "../../gen/mesh/v1/schedule.js";
import type {
  ListSchedulesRequest,
  ListSchedulesResponse,
  PutScheduleRequest,
  PutScheduleResponse,
} from "../../gen/mesh/v1/schedule_service.js";
import type { Schedules } from "../../queue/schedules/schedules.js";
import type { LeadershipOffice } from "./leadership.js";

/** Every method rejects with QueueError "not_leader" on another node. */
export class MeshSchedules implements LeaderSchedules {
  constructor(private readonly office: LeadershipOffice) {}

  async put(request: PutScheduleRequest): Promise<PutScheduleResponse> {
    return this.#own().put(request);
  }

  async get(name: string): Promise<ScheduleState> {
    return Promise.resolve(this.#own().get(name));
  }

  async list(request: ListSchedulesRequest): Promise<ListSchedulesResponse> {
    return Promise.resolve(this.#own().list(request));
  }

  async delete(name: string): Promise<ScheduleState> {
    return this.#own().delete(name);
  }

  #own(): Schedules {
    return this.office.requireLeader().schedules;
  }
}
