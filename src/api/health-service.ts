// grpc.health.v1.Health: which services of this node serve, for load balancers and probes.
import type { Server } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

/** Every service of a node; "" is the node as a whole. */
export const HEALTH_SERVICES = [
  "",
  "mesh.v1.TaskService",
  "mesh.v1.ClusterService",
  "mesh.v1.ScheduleService",
  "mesh.v1.ChaosService",
  "mesh.v1.QueueService",
  "mesh.v1.MembershipService",
  "mesh.v1.LivenessService",
  "mesh.v1.WorkerService",
  "raft.v1.RaftService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
] as const;

export type HealthServiceName = (typeof HEALTH_SERVICES)[number];

export class HealthService {
  // A node that has just started serves nothing until it says so.
  readonly #health = new HealthImplementation(
    Object.fromEntries(HEALTH_SERVICES.map((name) => [name, "NOT_SERVING"] as const)),
  );
  readonly #serving = new Map<HealthServiceName, boolean>();

  /** Watchers hear of it at once where it is a change. */
  setServing(service: HealthServiceName, serving: boolean): void {
    if ((this.#serving.get(service) ?? false) === serving) return;
    this.#serving.set(service, serving);
    this.#health.setStatus(service, serving ? "SERVING" : "NOT_SERVING");
  }

  /** Says the same of every service at once, as when the node starts or stops. */
  setAllServing(serving: boolean): void {
    for (const name of HEALTH_SERVICES) this.setServing(name, serving);
  }

  /** Adds grpc.health.v1.Health to a server that does not listen yet. */
  addToServer(server: Server): void {
    this.#health.addToServer(server);
  }
}
