// What the routes ask of schedules, through whichever node leads.
import type { ScheduleState } from "../gen/mesh/v1/schedule.js";
import type {
  ListSchedulesRequest,
  ListSchedulesResponse,
  PutScheduleRequest,
  PutScheduleResponse,
} from "../gen/mesh/v1/schedule_service.js";
import { present } from "./answers.js";
import { CALL_TRY_MS } from "./limits.js";
import type { MeshCaller } from "./mesh-caller.js";

/** Every method rejects with MeshRefusal where the mesh refused or did not answer in time. */
export class ScheduleCalls {
  constructor(
    private readonly caller: MeshCaller,
    private readonly retryForMs: number,
  ) {}

  put(request: PutScheduleRequest): Promise<PutScheduleResponse> {
    return this.caller.call({
      stub: (peer) => peer.schedules.putSchedule.bind(peer.schedules),
      request: () => request,
      ...this.atLeader("same"),
    });
  }

  async get(name: string): Promise<ScheduleState> {
    const { schedule } = await this.caller.call({
      stub: (peer) => peer.schedules.getSchedule.bind(peer.schedules),
      request: () => ({ name }),
      ...this.atLeader("none"),
    });
    return present(schedule);
  }

  list(request: ListSchedulesRequest): Promise<ListSchedulesResponse> {
    return this.caller.call({
      stub: (peer) => peer.schedules.listSchedules.bind(peer.schedules),
      request: () => request,
      ...this.atLeader("none"),
    });
  }

  async delete(name: string): Promise<ScheduleState> {
    const { schedule } = await this.caller.call({
      stub: (peer) => peer.schedules.deleteSchedule.bind(peer.schedules),
      request: () => ({ name }),
      ...this.atLeader("other"),
    });
    return present(schedule);
  }

  private atLeader(repeat: "none" | "same" | "other") {
    const { retryForMs } = this;
    return { target: "leader", repeat, tryMs: CALL_TRY_MS, retryForMs } as const;
  }
}
