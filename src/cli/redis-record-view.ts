// The record of a task in words, each with where it is stored.
import { textOf } from "./gateway-client.js";
import { cut, paint, pairs, status } from "./output.js";
import type { StoredPart, TaskRecord } from "./redis-record.js";
import { table } from "./table.js";
import { timeOfDay } from "./when.js";

const TEXT_LENGTH = 200;

/** Lines for people. */
export function recordLines(record: TaskRecord): string[] {
  const { definition } = record;
  const rows: (readonly [string, string])[] = [
    ["key", `${record.key} (string, ${record.bytes} bytes)`],
    ["status", status(record.status)],
    ["lane", `${record.lane}: priority and queue`],
    ["sequence", `${record.sequence}: its place in the order of the log`],
    ["type", textOf(definition.type)],
    ["attempts", attemptsText(record)],
    ["may run", record.runAt ?? "at once"],
    ["started", record.startedAt ?? ""],
    ["finished", record.finishedAt ?? ""],
    ["deadline", record.deadlineAt ?? ""],
    ["worker", workerText(record)],
    ["changed", `by entry ${record.changedIndex} of the log`],
    ["waits for", record.waitsFor.join(", ")],
    ["definition", `TaskDefinition in protobuf, ${definition.bytes} bytes of the record`],
    ["created", new Date(definition.createdAtMs).toISOString()],
    ["timeout", definition.timeoutMs === 0 ? "" : `${definition.timeoutMs} ms`],
    ["requires", definition.requires.map(textOf).join(", ")],
    ["idempotency", textOf(definition.idempotencyKey)],
    ["unique key", textOf(definition.uniqueKey)],
    ["schedule", definition.schedule],
    ["data", partText(record.data)],
    ["result", partText(record.result)],
    ["error", record.error === undefined ? "" : cut(textOf(record.error.message), TEXT_LENGTH)],
    ["progress", record.progress === undefined ? "" : `${record.progress.text} (fence, percent)`],
    ["log", record.logLines === 0 ? "" : `${record.logLines} lines: taskmesh logs ${record.id}`],
    [
      "stands in",
      record.standsIn.map(({ key, score }) => `${shortKey(key)} by ${score}`).join(", "),
    ],
  ];
  return [...pairs(rows.filter(([, value]) => value !== "")), ...historyLines(record)];
}

function attemptsText({ attempts, maxAttempts, losses, lapses }: TaskRecord): string {
  const lost = losses === 0 ? "" : `; ${losses} times its node was lost`;
  const lapsed = lapses === 0 ? "" : `; ${lapses} times its node's lease ran out`;
  return `${attempts} of ${maxAttempts}${lost}${lapsed}`;
}

function workerText({ workerId, fence }: TaskRecord): string {
  if (fence === 0) return "";
  return workerId === "" ? `none; the last fence was ${fence}` : `${workerId}, with fence ${fence}`;
}

function partText(part: StoredPart | undefined): string {
  if (part === undefined) return "";
  const where = part.key === "" ? "in the record" : `in ${part.key}`;
  return `${cut(textOf(part.text), TEXT_LENGTH)} ${paint("dim", `(${part.bytes} bytes, ${where})`)}`;
}

/** Without the prefix that all keys of the mesh share. */
function shortKey(key: string): string {
  return key.slice(key.indexOf("}:") + 2);
}

function historyLines({ history }: TaskRecord): string[] {
  if (history.length === 0) return [];
  const rows = history.map((one) => [
    String(one.attempt),
    one.outcome,
    one.workerId,
    String(one.fence),
    new Date(one.startedAtMs).toISOString(),
    String(one.endedIndex),
    cut(textOf(one.error), 40),
  ]);
  const head = [
    { title: "ATTEMPT", narrow: { title: "TRY" } },
    "OUTCOME",
    { title: "WORKER", min: 6 },
    "FENCE",
    { title: "STARTED", narrow: { title: "STARTED", cell: timeOfDay } },
    { title: "ENDED BY ENTRY", narrow: { title: "ENTRY" } },
    { title: "ERROR", min: 10 },
  ];
  return ["", ...table(head, rows)];
}
