// /health: how the mesh is, and probes of this process. They tell of a missing leader, not wait for it.
import type { FastifyInstance } from "fastify";
import { healthReport } from "../health.js";
import { MeshRefusal } from "../mesh-refusal.js";
import { HttpProblem } from "../problem.js";
import type { RouteContext } from "../route-context.js";

const RETRY_AFTER_MS = 1_000;

/** Adds `/health` for people and the probes of an orchestrator. */
export function healthRoutes(app: FastifyInstance, context: RouteContext): void {
  const { mesh, directory } = context;

  app.get("/health", async (_request, reply) => {
    const [cluster, leader] = await Promise.all([
      orUndefined(mesh.cluster("short")),
      orUndefined(mesh.workers("short")),
    ]);
    const report = healthReport({
      cluster,
      leader,
      registryError: directory.redisError,
    });
    if (report.status === "unhealthy") reply.code(503).header("retry-after", "1");
    return report;
  });

  /** The process runs: a probe that fails here calls for a restart. */
  app.get("/health/live", () => ({ status: "live" }));

  /** Requests can be served: a probe that fails here takes the gateway out of the balancer. */
  app.get("/health/ready", async () => {
    const cluster = await orUndefined(mesh.cluster("short"));
    if (cluster !== undefined && cluster.leaderId !== "") return { status: "ready" };
    const detail = cluster === undefined ? "no node answers" : "the mesh has no leader";
    throw new HttpProblem(503, "not_ready", detail, { retryAfterMs: RETRY_AFTER_MS });
  });
}

/** Undefined where the mesh refused or did not answer. */
async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MeshRefusal) return undefined;
    throw error;
  }
}
