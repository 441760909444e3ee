// /tasks and /tasks/{id}: submit, look at, cancel, run again.
import type { FastifyInstance } from "fastify";
import { clientSignal } from "../client-gone.js";
import { HttpProblem } from "../problem.js";
import { logJson } from "../task-json.js";
import { takesNoQuery, takesNothing } from "../no-input.js";
import { operationOf } from "../operation.js";
import { getRequestFrom, listRequestFrom, logsRequestFrom } from "../query-schema.js";
import { requireBody } from "../request-body.js";
import { type RouteContext, sendJson, taskIdFrom } from "../route-context.js";
import { submissionContext } from "../submission-context.js";
import { submissionFrom } from "../submission-schema.js";
import { submittedJson } from "../submission-json.js";
import { taskJson } from "../task-json.js";
import { whyView } from "../why-json.js";

interface ById {
  readonly Params: { readonly id: string };
}

/** Adds `/tasks`: submit, list, look at, cancel, retry, and why one stands where it does. */
export function taskRoutes(app: FastifyInstance, context: RouteContext): void {
  const { mesh, config, stopping } = context;

  app.post("/tasks", { preHandler: takesNoQuery }, async (request, reply) => {
    requireBody(request.body, "a JSON object");
    const item = submissionFrom(request.body, submissionContext(request, config));
    const submitted = await mesh.submit(item);
    reply.code(submitted.created ? 201 : 200);
    reply.header("location", `/tasks/${submitted.task?.id ?? ""}`);
    return sendJson(reply, submittedJson(submitted));
  });

  app.get("/tasks", async (request, reply) => {
    const { tasks, nextCursor } = await mesh.list(listRequestFrom(request.query));
    const next = nextCursor === "" ? "null" : JSON.stringify(nextCursor);
    return sendJson(reply, `{"tasks":[${tasks.map(taskJson).join(",")}],"nextCursor":${next}}`);
  });

  app.get<ById>("/tasks/:id", async (request, reply) => {
    const id = taskIdFrom(request.params.id);
    const query = getRequestFrom(id, request.query, config.limits.waitMs);
    const { signal, done } = clientSignal(reply, stopping);
    try {
      return await sendJson(reply, taskJson(await mesh.get(query, signal)));
    } catch (error) {
      throw signal.aborted ? givenUp() : error;
    } finally {
      done();
    }
  });

  app.get<ById>("/tasks/:id/why", { preHandler: takesNothing }, async (request) =>
    whyView(await mesh.why(taskIdFrom(request.params.id))),
  );

  app.get<ById>("/tasks/:id/logs", async (request, reply) => {
    const query = logsRequestFrom(taskIdFrom(request.params.id), request.query);
    return sendJson(reply, logJson(await mesh.logs(query)));
  });

  app.delete<ById>("/tasks/:id", { preHandler: takesNothing }, async (request, reply) => {
    const task = await mesh.cancel(taskIdFrom(request.params.id), operationOf(request));
    return sendJson(reply, taskJson(task));
  });

  app.post<ById>("/tasks/:id/retry", { preHandler: takesNothing }, async (request, reply) => {
    const task = await mesh.retry(taskIdFrom(request.params.id), operationOf(request));
    return sendJson(reply, taskJson(task));
  });
}

/** Heard by the client only where the gateway is the one that gives up. */
function givenUp(): HttpProblem {
  const options = { retryAfterMs: 1_000 };
  return new HttpProblem(503, "stopping", "the gateway is stopping; ask another", options);
}
