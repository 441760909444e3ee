// /queues: what is set for named queues, and how many tasks they have.
import type { FastifyInstance } from "fastify";
import { takesNoQuery, takesNothing } from "../no-input.js";
import { operationOf } from "../operation.js";
import { namedPageFrom } from "../query-schema.js";
import { limitsFrom, queueView } from "../queue-schema.js";
import { requireBody } from "../request-body.js";
import type { RouteContext } from "../route-context.js";

interface ByName {
  readonly Params: { readonly name: string };
}

/** Adds `/queues`: what is set for named queues, and pausing them. */
export function queueRoutes(app: FastifyInstance, { mesh }: RouteContext): void {
  app.get("/queues", async (request) => {
    const { queues, nextAfter } = await mesh.queues.list(namedPageFrom(request.query));
    return { queues: queues.map(queueView), nextCursor: nextAfter === "" ? null : nextAfter };
  });

  app.get<ByName>("/queues/:name", { preHandler: takesNothing }, async (request) =>
    queueView(await mesh.queues.get(request.params.name)),
  );

  app.put<ByName>("/queues/:name", { preHandler: takesNoQuery }, async (request) => {
    requireBody(request.body, "a JSON object");
    return queueView(
      await mesh.queues.limit({
        ...limitsFrom(request.params.name, request.body),
        operation: operationOf(request),
      }),
    );
  });

  app.post<ByName>("/queues/:name/pause", { preHandler: takesNothing }, async (request) =>
    queueView(
      await mesh.queues.pause({
        name: request.params.name,
        operation: operationOf(request),
      }),
    ),
  );

  app.post<ByName>("/queues/:name/resume", { preHandler: takesNothing }, async (request) =>
    queueView(
      await mesh.queues.resume({
        name: request.params.name,
        operation: operationOf(request),
      }),
    ),
  );
}
