// The HTTP server: how bodies are read, how errors are answered, and the routes. It knows the mesh by
// its interface alone.
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { logField } from "../telemetry/fields.js";
import type { Logger } from "../telemetry/logger.js";
import { type AnswerBudget, boundAnswers } from "./answer-budget.js";
import { boundBodies } from "./body-budget.js";
import { answerClientError } from "./client-error.js";
import { parseJson } from "./json-body.js";
import { takeBodies } from "./request-body.js";
import {
  ANSWER_PATIENCE_MS,
  ANSWER_STALL_MS,
  BODY_LOOK_MS,
  BODY_WAIT_MS,
  LEAST_BODY_BYTES,
  REQUEST_TIMEOUT_MS,
  SLOW_BODY_BYTES,
} from "./limits.js";
import type { BodyPace } from "./metered-body.js";
import { MethodTable } from "./method-table.js";
import { HttpProblem, PROBLEM_CONTENT_TYPE, problemBody, retryAfterSeconds } from "./problem.js";
import { requireQueryText } from "./query-text.js";
import type { RouteContext } from "./route-context.js";
import { chaosRoutes } from "./routes/chaos.js";
import { clusterRoutes } from "./routes/cluster.js";
import { deadLetterRoutes } from "./routes/dead-letters.js";
import { eventRoutes } from "./routes/events.js";
import { healthRoutes } from "./routes/health.js";
import { indexRoutes } from "./routes/index-page.js";
import { queueRoutes } from "./routes/queues.js";
import { scheduleRoutes } from "./routes/schedules.js";
import { taskBatchRoutes } from "./routes/task-batch.js";
import { taskRoutes } from "./routes/tasks.js";
import { workerRoutes } from "./routes/workers.js";
import { toProblem } from "./to-problem.js";

/** How often requests that have not come whole are looked at: of itself Node.js does so every 30 s. */
const REQUEST_LOOK_MS = 1_000;

export interface ServerOptions extends RouteContext {
  readonly logger: Logger;
  readonly bounds?: Partial<ServerBounds>;
}

/** What a client has time and room for; defaults in limits.ts. */
export interface ServerBounds extends BodyPace, Omit<AnswerBudget, "maxBytes"> {
  readonly requestMs: number;
}

const BOUNDS: ServerBounds = {
  requestMs: REQUEST_TIMEOUT_MS,
  waitMs: BODY_WAIT_MS,
  patientBytes: SLOW_BODY_BYTES,
  leastBytes: LEAST_BODY_BYTES,
  lookMs: BODY_LOOK_MS,
  stallMs: ANSWER_STALL_MS,
  patienceMs: ANSWER_PATIENCE_MS,
};

/** The server, not listening yet. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const bounds = { ...BOUNDS, ...options.bounds };
  const { bodiesBytes: maxBytes } = options.config.limits;
  const app = fastify({
    bodyLimit: options.config.limits.bodyBytes,
    requestTimeout: bounds.requestMs,
    http: {
      connectionsCheckingInterval: Math.min(REQUEST_LOOK_MS, bounds.requestMs),
      // Node.js takes the longer of the two for the whole request, and the default for this one is 60 s.
      headersTimeout: bounds.requestMs,
    },
    forceCloseConnections: "idle",
    // What came in before the connection was closed is answered as ever.
    return503OnClosing: false,
    logger: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      answerError(error, request, reply, options.logger);
    },
  });
  app.addHook("onRequest", requireQueryText);
  readBodies(app);
  boundBodies(app, { maxBytes, ...bounds });
  boundAnswers(app, { maxBytes, ...bounds });
  app.addHook("onSend", (_request, reply, payload, done) => {
    // Kept open for another request, the connection would hold up the gateway's stop.
    if (options.stopping.aborted) reply.header("connection", "close");
    done(null, payload);
  });
  const methods = new MethodTable();
  app.addHook("onRoute", (route) => methods.add(route.url, [route.method].flat()));
  app.setErrorHandler((error, request, reply) => {
    answerError(error, request, reply, options.logger);
  });
  app.setNotFoundHandler((request, reply) => {
    answerError(notFound(request, methods), request, reply, options.logger);
  });
  indexRoutes(app);
  taskRoutes(app, options);
  taskBatchRoutes(app, options);
  deadLetterRoutes(app, options);
  scheduleRoutes(app, options);
  queueRoutes(app, options);
  eventRoutes(app, options);
  workerRoutes(app, options);
  clusterRoutes(app, options);
  chaosRoutes(app, options);
  healthRoutes(app, options);
  return app;
}

function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  takeBodies(app, ["application/json"], (text) => (text === "" ? undefined : parseJson(text)));
}

function notFound(request: FastifyRequest, methods: MethodTable): HttpProblem {
  const path = pathOf(request);
  const allow = methods.allowed(path);
  if (allow.length === 0) {
    return new HttpProblem(404, "unknown_route", `there is no ${path}; GET / names the calls`);
  }
  const detail = `${path} knows ${allow.join(", ")}, not ${request.method}`;
  return new HttpProblem(405, "method_not_allowed", detail, { allow });
}

function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): void {
  const problem = toProblem(error, request.routeOptions.bodyLimit);
  if (problem.status === 500) {
    const route = `${request.method} ${pathOf(request)}`;
    logger.error({ [logField.error]: error, [logField.route]: route }, "a request failed");
  }
  const retryAfter = retryAfterSeconds(problem);
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
  if (problem.options.allow !== undefined) reply.header("allow", problem.options.allow.join(", "));
  reply
    .code(problem.status)
    .header("content-type", PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(problemBody(problem, pathOf(request))));
}

function pathOf(request: FastifyRequest): string {
  const end = request.url.indexOf("?");
  return end < 0 ? request.url : request.url.slice(0, end);
}
