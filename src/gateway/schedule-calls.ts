// What the routes ask of schedules, through whichever node leads.
import type { ScheduleState } from "../gen/mesh/v1/schedule.js";
import type {
  DeleteScheduleRequest,
  ListSchedulesRequest,
  ListSchedulesResponse,
  PutScheduleRequest,
  PutScheduleResponse,
} from "../gen/mesh/v1/schedule_service.js";
import { present } from "./answers.js";
import type { MeshCaller } from "./mesh-caller.js";

/** Every method rejects with MeshRefusal where the mesh refused or did not answer in time. */
export class ScheduleCalls {
  readonly #caller: MeshCaller;
  constructor(caller: MeshCaller) {
    this.#caller = caller;
  }

  /** Makes a schedule or replaces the one of that name. Repeated, it changes nothing more. */
  put(request: PutScheduleRequest): Promise<PutScheduleResponse> {
    return this.#caller.change({
      stub: (peer) => peer.schedules.putSchedule.bind(peer.schedules),
      request,
    });
  }

  /** @throws MeshRefusal "not_found" where there is none of that name */
  async get(name: string): Promise<ScheduleState> {
    const { schedule } = await this.#caller.call({
      stub: (peer) => peer.schedules.getSchedule.bind(peer.schedules),
      request: () => ({ name }),
      repeat: "none",
    });
    return present(schedule);
  }

  /** A page of schedules, by name. */
  list(request: ListSchedulesRequest): Promise<ListSchedulesResponse> {
    return this.#caller.call({
      stub: (peer) => peer.schedules.listSchedules.bind(peer.schedules),
      request: () => request,
      repeat: "none",
    });
  }

  /**
   * Ends a schedule; tasks that it submitted stay.
   * @throws MeshRefusal "not_found" where there is none of that name
   */
  async delete(request: DeleteScheduleRequest): Promise<ScheduleState> {
    const { schedule } = await this.#caller.change({
      stub: (peer) => peer.schedules.deleteSchedule.bind(peer.schedules),
      request,
    });
    return present(schedule);
  }
}
