// What clients ask of schedules, where this node leads.
import type { LeaderScheduleOperations } from "../../api/task-backend.js";
import type { ScheduleState } from "../../gen/mesh/v1/schedule.js";
import type {
  DeleteScheduleRequest,
  ListSchedulesRequest,
  ListSchedulesResponse,
  PutScheduleRequest,
  PutScheduleResponse,
} from "../../gen/mesh/v1/schedule_service.js";
import type { Schedules } from "../../queue/schedules/schedules.js";
import type { LeadershipTracker } from "./leadership-tracker.js";

/** Every method rejects with QueueError "not_leader" on another node. */
export class LeaderSchedules implements LeaderScheduleOperations {
  readonly #leadership: LeadershipTracker;
  constructor(leadership: LeadershipTracker) {
    this.#leadership = leadership;
  }

  /**
   * @throws QueueError "not_leader", "invalid_field", "unknown_type", "too_many_items",
   *   "overloaded"
   */
  async put(request: PutScheduleRequest): Promise<PutScheduleResponse> {
    return this.#own().put(request);
  }

  /** @throws QueueError "not_leader", "not_found" */
  async get(name: string): Promise<ScheduleState> {
    return Promise.resolve(this.#own().get(name));
  }

  /** A page of schedules, by name. @throws QueueError "not_leader", "invalid_field" */
  async list(request: ListSchedulesRequest): Promise<ListSchedulesResponse> {
    return Promise.resolve(this.#own().list(request));
  }

  /** @throws QueueError "not_leader", "not_found" */
  async delete(request: DeleteScheduleRequest): Promise<ScheduleState> {
    return this.#own().delete(request);
  }

  #own(): Schedules {
    return this.#leadership.requireLeader().schedules;
  }
}
