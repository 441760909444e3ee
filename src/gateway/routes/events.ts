// GET /events: every change of a task, once and in log order, and how the mesh changes, as
// server-sent events.
import { once } from "node:events";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { clientSignal } from "../client-gone.js";
import { clusterFrame, framesOf, positionAfter } from "../event-stream.js";
import { EventWriter } from "../event-writer.js";
import { HttpProblem, invalidFields } from "../problem.js";
import { eventsRequestFrom } from "../query-schema.js";
import type { RouteContext } from "../route-context.js";
import type { WatchPosition, WatchStep } from "../task-watch.js";

/** Adds `GET /events`, a stream of server-sent events; 503 past the bound of clients. */
export function eventRoutes(app: FastifyInstance, context: RouteContext): void {
  const { mesh, config, stopping } = context;
  const maxClients = config.limits.eventClients;
  let clients = 0;

  // Its HEAD would never end.
  app.get("/events", { exposeHeadRoute: false }, async (request, reply) => {
    const { watch, only } = eventsRequestFrom(request.query);
    const from = lastSeen(request) ?? watch.from;
    if (clients >= maxClients) {
      const detail = `${maxClients} clients follow the events of this gateway already`;
      throw new HttpProblem(503, "overloaded", detail, { retryAfterMs: 5_000 });
    }
    clients += 1;
    const { signal, done } = clientSignal(reply, stopping);
    const steps =
      only === "cluster"
        ? undefined
        : mesh.watch({ ...watch, from }, signal)[Symbol.asyncIterator]();
    let unsubscribe: (() => void) | undefined;
    try {
      // Refused before the stream begins, a watch is answered with a problem like any other call.
      const first = await steps?.next();
      if (first?.done === true) throw stopped();
      reply.hijack();
      const writer = new EventWriter(reply.raw);
      if (only !== "task") {
        unsubscribe = mesh.onCluster((state) => writer.offer(clusterFrame(state)));
      }
      await stream(writer, first?.value, steps, signal);
    } finally {
      clients -= 1;
      unsubscribe?.();
      done();
      await steps?.return?.();
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
  writer: EventWriter,
  first: WatchStep | undefined,
  rest: AsyncIterator<WatchStep> | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (first === undefined || rest === undefined) {
      if (!signal.aborted) await once(signal, "abort");
      return;
    }
    for (let step: IteratorResult<WatchStep> = { value: first }; step.done !== true;) {
      await writer.write(framesOf(step.value), signal);
      step = await rest.next();
    }
  } catch {
    // Its client hung up, or a node refused it in mid-stream: the client comes back with its id.
  } finally {
    writer.end();
  }
}

function stopped(): HttpProblem {
  const options = { retryAfterMs: 1_000 };
  return new HttpProblem(503, "stopping", "the gateway is stopping; ask another", options);
}
