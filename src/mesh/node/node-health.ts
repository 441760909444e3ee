// What grpc.health.v1.Health says of each service of a node, and when it changes.
import { type HealthServiceName, HealthService } from "../../api/health-service.js";
import type { Leadership } from "../../api/task-backend.js";

/** What decides how the services of a node are. */
export interface NodeCondition {
  /** Its log is open, it takes part in Raft, and its calls are answered. */
  readonly isUp: boolean;
  readonly isStopping: boolean;
  /** It is to leave: it still answers, and clients should go to others. */
  readonly isDraining: boolean;
  readonly leadership: Leadership["kind"];
  readonly mayImpairLinks: boolean;
}

/** Whether a service does now what it is there for. */
export function servingOf(condition: NodeCondition): Readonly<Record<HealthServiceName, boolean>> {
  const { leadership } = condition;
  const answers = condition.isUp && !condition.isStopping;
  const hasLeader = answers && leadership !== "unknown";
  const takesClients = hasLeader && !condition.isDraining;
  return {
    "": takesClients,
    "mesh.v1.TaskService": takesClients,
    "mesh.v1.ScheduleService": takesClients,
    "mesh.v1.QueueService": takesClients,
    // Shows a mesh without a leader, too: that is when people look.
    "mesh.v1.ClusterService": answers,
    "mesh.v1.ChaosService": answers && condition.mayImpairLinks,
    "mesh.v1.MembershipService": hasLeader,
    // Workers are tied to the leader alone.
    "mesh.v1.WorkerService": answers && leadership === "self",
    "mesh.v1.LivenessService": answers,
    "raft.v1.RaftService": answers,
    "grpc.health.v1.Health": answers,
    "grpc.reflection.v1.ServerReflection": answers,
    "grpc.reflection.v1alpha.ServerReflection": answers,
  };
}

export class NodeHealth {
  readonly #condition: () => NodeCondition;
  readonly service = new HealthService();

  constructor(condition: () => NodeCondition) {
    this.#condition = condition;
  }

  /** Something of the condition may have changed: watchers hear of what is different. */
  review(): void {
    for (const [name, serving] of Object.entries(servingOf(this.#condition()))) {
      this.service.setServing(name as HealthServiceName, serving);
    }
  }
}
