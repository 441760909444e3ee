// The body of POST /tasks/batch: a JSON array or NDJSON, as one value or problem for each item.
import { parseJson } from "./json-body.js";
import { HttpProblem, invalidFields } from "./problem.js";

/** NDJSON text, as the content type parser hands it on. */
export class NdjsonText {
  constructor(readonly text: string) {}
}

export type BatchItem =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "problem"; readonly problem: HttpProblem };

/**
 * The items in order; a line of NDJSON that is no JSON is that item's problem.
 * @throws HttpProblem 422 for what is no batch, or one with more than `maxItems` items
 */
export function batchItems(body: unknown, maxItems: number): readonly BatchItem[] {
  if (body instanceof NdjsonText) {
    const lines = body.text.split("\n").filter((line) => line.trim() !== "");
    checkLength(lines.length, maxItems);
    return lines.map(lineItem);
  }
  if (!Array.isArray(body)) {
    throw invalidFields([{ field: "", message: "must be a JSON array of tasks, or NDJSON" }]);
  }
  checkLength(body.length, maxItems);
  return body.map((value: unknown) => ({ kind: "value", value }));
}

function checkLength(length: number, maxItems: number): void {
  if (length <= maxItems) return;
  const detail = `${length} items, none of which was kept: send at most ${maxItems} at a time`;
  throw new HttpProblem(422, "too_many_items", detail);
}

function lineItem(line: string): BatchItem {
  try {
    return { kind: "value", value: parseJson(line) };
  } catch (error) {
    if (error instanceof HttpProblem) return { kind: "problem", problem: error };
    throw error;
  }
}
