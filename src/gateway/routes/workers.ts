// /workers: the nodes that run tasks.
import type { FastifyInstance } from "fastify";
import { logTimeView, workerView } from "../cluster-json.js";
import { takesNothing } from "../no-input.js";
import { operationOf } from "../operation.js";
import type { RouteContext } from "../route-context.js";

/** Adds `/workers`: the nodes that run tasks, and draining one. */
export function workerRoutes(app: FastifyInstance, { mesh }: RouteContext): void {
  app.get("/workers", { preHandler: takesNothing }, async () => {
    const { workers, logTime } = await mesh.workers();
    return { workers: workers.map(workerView), logTime: logTimeView(logTime) };
  });

  app.post<{ Params: { id: string } }>(
    "/workers/:id/drain",
    { preHandler: takesNothing },
    async (request) => workerView(await mesh.drain(request.params.id, operationOf(request))),
  );
}
