// How a task looks on a terminal.
import { type JsonObject, objectOf, objectsOf, textOf } from "./gateway-client.js";
import { cut, pairs, status } from "./output.js";
import { type Column, table } from "./table.js";
import { relativeTime, timeOfDay } from "./when.js";

const CELL_LENGTH = 40;

const TASK_COLUMNS: readonly (string | Column)[] = [
  "ID",
  { title: "TYPE", min: 6 },
  "STATUS",
  { title: "QUEUE", min: 6 },
  { title: "PRIORITY", narrow: { title: "PRIO" }, isOptional: true },
  { title: "ATTEMPTS", narrow: { title: "TRY" } },
  { title: "WORKER", min: 6 },
  { title: "CREATED", narrow: { title: "AGE", cell: relativeTime } },
];

const ATTEMPT_COLUMNS: readonly (string | Column)[] = [
  { title: "ATTEMPT", narrow: { title: "TRY" } },
  "OUTCOME",
  { title: "WORKER", min: 6 },
  "FENCE",
  { title: "STARTED", narrow: { title: "STARTED", cell: timeOfDay } },
  { title: "ERROR", min: 10 },
];

/** Lines of a table of tasks. */
export function taskTable(tasks: readonly JsonObject[]): string[] {
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
  return table(TASK_COLUMNS, rows);
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
  return ["", ...table(ATTEMPT_COLUMNS, rows)];
}

function line(value: unknown): string {
  const message = objectOf(value)["message"];
  return textOf(message === undefined ? value : message);
}
