// GET /: which calls there are, for whoever looks with curl.
import type { FastifyInstance } from "fastify";

const CALLS = [
  "POST /tasks",
  "POST /tasks/batch",
  "GET /tasks",
  "GET /tasks/{id}",
  "GET /tasks/{id}/why",
  "DELETE /tasks/{id}",
  "POST /tasks/{id}/retry",
  "GET /dead-letters",
  "POST /dead-letters/retry",
  "DELETE /dead-letters",
  "GET /queues",
  "GET /queues/{name}",
  "PUT /queues/{name}",
  "POST /queues/{name}/pause",
  "POST /queues/{name}/resume",
  "GET /schedules",
  "GET /schedules/{name}",
  "PUT /schedules/{name}",
  "DELETE /schedules/{name}",
  "GET /events",
  "GET /workers",
  "POST /workers/{id}/drain",
  "GET /cluster",
  "POST /cluster/transfer",
  "POST /cluster/verify",
  "GET /chaos/links",
  "PUT /chaos/links",
  "DELETE /chaos/links",
  "GET /health",
  "GET /health/live",
  "GET /health/ready",
];

/** Adds `GET /`: every call there is, in one line each. */
export function indexRoutes(app: FastifyInstance): void {
  app.get("/", () => ({ name: "taskmesh", calls: CALLS }));
}
