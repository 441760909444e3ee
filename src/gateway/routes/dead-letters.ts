// /dead-letters: look at what has failed for good, run it again, drop it.
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SUBMISSION_LIMITS } from "../../input/request-limits.js";
import { deadLetterJson } from "../task-json.js";
import type { DeadLetterSelection } from "../../gen/mesh/v1/task_service.js";
import { deadLettersRequestFrom, name, pageLimit, plainText } from "../query-schema.js";
import { type RouteContext, sendJson } from "../route-context.js";
import { operationOf } from "../operation.js";
import { validated } from "../validated.js";

const MAX_SELECTED = 1_000;

const id = z.string().min(1).max(64);
const limit = z.int().min(1).max(MAX_SELECTED);
const filter = {
  type: plainText(SUBMISSION_LIMITS.typeLength).optional(),
  queue: name.optional(),
};
const body = z.strictObject({
  ids: z.array(id).min(1).max(MAX_SELECTED).optional(),
  ...filter,
  limit: limit.optional(),
});
const query = z.strictObject({
  ids: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(id).min(1).max(MAX_SELECTED))
    .optional(),
  ...filter,
  limit: pageLimit.optional(),
});

/** Adds `/dead-letters`: look at, run again, drop. */
export function deadLetterRoutes(app: FastifyInstance, { mesh }: RouteContext): void {
  app.get("/dead-letters", async (request, reply) => {
    const { tasks, nextCursor } = await mesh.list(deadLettersRequestFrom(request.query));
    const next = nextCursor === "" ? "null" : JSON.stringify(nextCursor);
    const letters = tasks.map(deadLetterJson).join(",");
    return sendJson(reply, `{"deadLetters":[${letters}],"nextCursor":${next}}`);
  });

  app.post("/dead-letters/retry", async (request) => {
    const { ids, more } = await mesh.deadLetters.retry(
      selectionOf(validated(body, request.body ?? {})),
      operationOf(request),
    );
    return { retried: ids.length, ids, more };
  });

  app.delete("/dead-letters", async (request) => {
    const asked =
      request.body === undefined || request.body === null
        ? validated(query, request.query)
        : validated(body, request.body);
    const { ids, more } = await mesh.deadLetters.drop(selectionOf(asked), operationOf(request));
    return { dropped: ids.length, ids, more };
  });
}

function selectionOf(asked: z.infer<typeof body>): DeadLetterSelection {
  const { ids = [], type = "", queue = "", limit: most = 0 } = asked;
  return { ids, type, queue, limit: most };
}
