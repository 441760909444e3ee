// How a task looks on a terminal.
import { type JsonObject, objectOf, objectsOf, textOf } from "./gateway-client.js";
import { cut, pairs, status, table } from "./output.js";

const CELL_LENGTH = 40;

/** Lines of a table of tasks. */
export function taskTable(tasks: readonly JsonObject[]): string[] {
  const head = ["ID", "TYPE", "STATUS", "QUEUE", "PRIORITY", "ATTEMPTS", "WORKER", "CREATED"];
  const rows = tasks.map((task) => [
    textOf(task["id"]),
    cut(textOf(task["type"]), CELL_LENGTH),
    status(textOf(task["status"])),
    cut(textOf(task["queue"]), CELL_LENGTH),
    textOf(task["priority"]),
    `${textOf(task["attempts"])}/${textOf(task["maxAttempts"])}`,
    textOf(task["workerId"]),
    textOf(task["createdAt"]),
  ]);
  return table(head, rows);
}

/** Lines that show one task with all that is known of it. */
export function taskDetails(task: JsonObject): string[] {
  const shown = Object.entries(task).filter(
    ([name, value]) => name !== "history" && textOf(value) !== "",
  );
  const rows = shown.map(
    ([name, value]) => [name, name === "status" ? status(textOf(value)) : line(value)] as const,
  );
  return [...pairs(rows), ...historyLines(task)];
}

function historyLines(task: JsonObject): string[] {
  const attempts = objectsOf(task["history"]);
  if (attempts.length === 0) return [];
  const rows = attempts.map((attempt) => [
    textOf(attempt["attempt"]),
    textOf(attempt["outcome"]),
    textOf(attempt["workerId"]),
    textOf(attempt["fence"]),
    textOf(attempt["startedAt"]),
    cut(textOf(attempt["error"]), CELL_LENGTH),
  ]);
  return ["", ...table(["ATTEMPT", "OUTCOME", "WORKER", "FENCE", "STARTED", "ERROR"], rows)];
}

function line(value: unknown): string {
  const message = objectOf(value)["message"];
  return textOf(message === undefined ? value : message);
}
