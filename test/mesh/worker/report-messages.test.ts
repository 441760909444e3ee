import { expect, test } from "vitest";
import { MAX_ATTACH_MESSAGE_BYTES } from "../../../src/api/limits.js";
import { AttachRequest, type TaskReport } from "../../../src/gen/mesh/v1/worker_service.js";
import { reportMessages } from "../../../src/mesh/worker/report-messages.js";
import { taskReport } from "../../support/queue-fixtures.js";

const sizeOf = (reports: readonly TaskReport[]): number =>
  AttachRequest.encode({ kind: { $case: "reports", value: { reports: [...reports] } } }).finish()
    .length;

const reportOf = (id: number, result: string): TaskReport => ({
  ...taskReport(`task-${id}`, id),
  outcome: { $case: "result", value: result },
});

test("small reports travel together", () => {
  const reports = Array.from({ length: 1_000 }, (_, id) => reportOf(id, '"done"'));

  expect([...reportMessages(reports)]).toEqual([reports]);
});

test("many large reports travel in messages that the leader takes, none left out", () => {
  const result = `"${"é".repeat(500_000)}"`;
  const reports = Array.from({ length: 60 }, (_, id) => reportOf(id, result));

  const parts = [...reportMessages(reports)];

  expect(parts.flat()).toEqual(reports);
  expect(parts.length).toBeGreaterThan(1);
  for (const part of parts) expect(sizeOf(part)).toBeLessThanOrEqual(MAX_ATTACH_MESSAGE_BYTES);
});

test("a report that is over the bound by itself goes alone", () => {
  const reports = [reportOf(1, "1"), reportOf(2, `"${"x".repeat(1_000)}"`), reportOf(3, "3")];

  expect([...reportMessages(reports, 1_000)].map((part) => part.length)).toEqual([1, 1, 1]);
});
