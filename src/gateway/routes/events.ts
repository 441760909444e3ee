// GET /events: every change of a task, once and in log order, as server-sent events.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { clientSignal } from "../client-gone.js";
import { framesOf, heartbeatFrame, openingFrame, positionAfter } from "../event-stream.js";
import { EVENT_HEARTBEAT_MS } from "../limits.js";
import { HttpProblem, invalidFields } from "../problem.js";
import { watchRequestFrom } from "../query-schema.js";
import type { RouteContext } from "../route-context.js";
import type { WatchPosition, WatchStep } from "../task-watch.js";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Asks a proxy such as nginx not to hold events back.
  "x-accel-buffering": "no",
} as const;

export function eventRoutes(app: FastifyInstance, context: RouteContext): void {
  const { mesh, config, stopping } = context;
  const maxClients = config.limits.eventClients;
  let clients = 0;

  // Its HEAD would never end.
  app.get("/events", { exposeHeadRoute: false }, async (request, reply) => {
    const query = watchRequestFrom(request.query);
    const watch = { ...query, from: lastSeen(request) ?? query.from };
    if (clients >= maxClients) {
      const detail = `${maxClients} clients follow the events of this gateway already`;
      throw new HttpProblem(503, "overloaded", detail, { retryAfterMs: 5_000 });
    }
    clients += 1;
    const { signal, done } = clientSignal(reply, stopping);
    const steps = mesh.watch(watch, signal)[Symbol.asyncIterator]();
    try {
      // Refused before the stream begins, a watch is answered with a problem like any other call.
      const first = await steps.next();
      if (first.done === true) throw stopped();
      reply.hijack();
      await stream(reply.raw, first.value, steps, signal);
    } finally {
      clients -= 1;
      done();
      await steps.return?.();
    }
  });
}

/** Where a client goes on that comes back: it wins over the query, which is that of the first time. */
function lastSeen(request: FastifyRequest): WatchPosition | undefined {
  const header = request.headers["last-event-id"];
  if (typeof header !== "string" || header === "") return undefined;
  const position = positionAfter(header);
  if (position !== undefined) return position;
  throw invalidFields([
    { field: "Last-Event-ID", message: "must be the id of an event, such as 42-0 or 42" },
  ]);
}

async function stream(
  response: ServerResponse,
  first: WatchStep,
  rest: AsyncIterator<WatchStep>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, HEADERS);
  response.write(openingFrame());
  const heartbeat = setInterval(() => {
    // A client that does not read gets no more of them than it gets events.
    if (!response.writableNeedDrain) response.write(heartbeatFrame());
  }, EVENT_HEARTBEAT_MS);
  try {
    for (let step: IteratorResult<WatchStep> = { value: first }; step.done !== true;) {
      // Whoever does not read holds up its own watch: nothing is buffered for it.
      if (!response.write(framesOf(step.value))) await once(response, "drain", { signal });
      step = await rest.next();
    }
  } catch {
    // Its client hung up, or a node refused it in mid-stream: the client comes back with its id.
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
}

function stopped(): HttpProblem {
  const options = { retryAfterMs: 1_000 };
  return new HttpProblem(503, "stopping", "the gateway is stopping; ask another", options);
}
