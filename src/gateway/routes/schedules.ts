// /schedules: tasks that are submitted at the times of a cron expression.
import type { FastifyInstance } from "fastify";
import { present } from "../answers.js";
import { takesNoQuery, takesNothing } from "../no-input.js";
import { operationOf } from "../operation.js";
import { namedPageFrom } from "../query-schema.js";
import { requireBody } from "../request-body.js";
import { type RouteContext, sendJson } from "../route-context.js";
import { scheduleJson } from "../schedule-json.js";
import { scheduleFrom } from "../schedule-schema.js";

interface ByName {
  readonly Params: { readonly name: string };
}

/** Adds `/schedules`: tasks that are submitted at the times of a cron expression. */
export function scheduleRoutes(app: FastifyInstance, { mesh, config }: RouteContext): void {
  app.get("/schedules", async (request, reply) => {
    const { schedules, nextAfter } = await mesh.schedules.list(namedPageFrom(request.query));
    const next = nextAfter === "" ? "null" : JSON.stringify(nextAfter);
    const list = schedules.map(scheduleJson).join(",");
    return sendJson(reply, `{"schedules":[${list}],"nextCursor":${next}}`);
  });

  app.get<ByName>("/schedules/:name", { preHandler: takesNothing }, async (request, reply) =>
    sendJson(reply, scheduleJson(await mesh.schedules.get(request.params.name))),
  );

  app.put<ByName>("/schedules/:name", { preHandler: takesNoQuery }, async (request, reply) => {
    requireBody(request.body, "a JSON object");
    const { name } = request.params;
    const asked = scheduleFrom(name, request.body, config.retries.backoff);
    const { schedule, created } = await mesh.schedules.put({
      ...asked,
      operation: operationOf(request),
    });
    const body = scheduleJson(present(schedule));
    reply.code(created ? 201 : 200).header("location", `/schedules/${name}`);
    return sendJson(reply, body);
  });

  app.delete<ByName>("/schedules/:name", { preHandler: takesNothing }, async (request, reply) =>
    sendJson(
      reply,
      scheduleJson(
        await mesh.schedules.delete({
          name: request.params.name,
          operation: operationOf(request),
        }),
      ),
    ),
  );
}
