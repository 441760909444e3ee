// POST /tasks/batch: many submissions, each kept or refused on its own.
import type { FastifyInstance } from "fastify";
import { type BatchItem, batchItems, NdjsonText } from "../batch-body.js";
import { takesNoQuery } from "../no-input.js";
import { HttpProblem, problemBody } from "../problem.js";
import { requireBody, takeBodies } from "../request-body.js";
import { isUnavailable, type RouteContext, sendJson } from "../route-context.js";
import { submissionContext } from "../submission-context.js";
import { submissionFrom, type SubmissionContext } from "../submission-schema.js";
import { submittedJson } from "../submission-json.js";
import { toProblem } from "../to-problem.js";

type ItemResult =
  | { readonly kind: "task"; readonly json: string }
  | { readonly kind: "error"; readonly error: unknown };

/** Adds `POST /tasks/batch`: a JSON array or NDJSON, each item taken or refused by itself. */
export function taskBatchRoutes(app: FastifyInstance, context: RouteContext): void {
  const { config } = context;
  const { batchItems: maxItems, batchBodyBytes } = config.limits;

  // NDJSON is taken by this call alone.
  app.register((scope, _options, registered) => {
    takeBodies(
      scope,
      ["application/x-ndjson", "application/ndjson", "application/jsonl"],
      (text) => new NdjsonText(text),
      batchBodyBytes,
    );
    scope.post(
      "/tasks/batch",
      { bodyLimit: batchBodyBytes, preHandler: takesNoQuery },
      async (request, reply) => {
        requireBody(request.body, "a JSON array");
        const items = batchItems(request.body, maxItems);
        const shared = submissionContext(request, config);
        if (shared.idempotencyKey !== undefined) {
          const detail = "give idempotencyKey in the items: a batch is no single task";
          throw new HttpProblem(422, "invalid_field", detail, { field: "Idempotency-Key" });
        }
        const results = await Promise.all(items.map((item) => submitItem(item, shared, context)));
        refuseWhereNothingWasTaken(results);
        return sendJson(reply, `{"results":[${results.map(resultJson).join(",")}]}`);
      },
    );
    registered();
  });
}

async function submitItem(
  item: BatchItem,
  shared: SubmissionContext,
  { mesh }: RouteContext,
): Promise<ItemResult> {
  if (item.kind === "problem") return { kind: "error", error: item.problem };
  try {
    const submitted = await mesh.submit(submissionFrom(item.value, shared));
    return { kind: "task", json: submittedJson(submitted) };
  } catch (error) {
    return { kind: "error", error };
  }
}

/** Where the mesh took no item for want of a leader, the call is to be tried again as a whole. */
function refuseWhereNothingWasTaken(results: readonly ItemResult[]): void {
  if (results.some(({ kind }) => kind === "task")) return;
  const missed = results.find((result) => result.kind === "error" && isUnavailable(result.error));
  if (missed?.kind === "error") throw missed.error;
}

function resultJson(result: ItemResult): string {
  switch (result.kind) {
    case "task":
      return `{"task":${result.json}}`;
    case "error":
      return `{"error":${JSON.stringify(problemBody(toProblem(result.error)))}}`;
  }
}
