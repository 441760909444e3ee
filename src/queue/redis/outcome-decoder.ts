// Reads what the apply script tells; scripts/outcome.lua names the same fields.
import { TaskStatus } from "../../gen/mesh/v1/task.js";
import type { ApplyOutcome, CancelResult, Contradiction, RetryResult } from "./apply-outcome.js";
import { asArray, asBytes, asNumber, asText, readPacked, type Packed } from "./packed-reader.js";
import { decodeRunState } from "./run-state.js";
import { storedStatus } from "./stored-enums.js";
import { pendingTask } from "./task-view.js";

/** @throws MalformedPacked when no script of ours wrote it. */
export function decodeOutcomes(bytes: Buffer): readonly ApplyOutcome[] {
  if (bytes.length === 0) return [];
  return asArray(readPacked(bytes)).map((packed) => {
    const fields = asArray(packed);
    return {
      index: asNumber(fields[0]),
      duplicates: asArray(fields[1]).map((item) => {
        const [id, existingId] = asArray(item);
        return { id: asText(id), existingId: asText(existingId) };
      }),
      stale: asArray(fields[2]).map(asText),
      cancelled: asArray(fields[3]).map(cancelResult),
      retried: asArray(fields[4]).map(retryResult),
      promoted: asArray(fields[5]).map((item) =>
        pendingTask(decodeRunState(asBytes(asArray(item)[1]))),
      ),
      contradictions: asArray(fields[6]).map(contradiction),
      settling: asArray(fields[7]).map(asText),
    };
  });
}

function cancelResult(packed: Packed): CancelResult {
  const [idField, statusField] = asArray(packed);
  const id = asText(idField);
  const status = statusOf(statusField);
  switch (status) {
    case TaskStatus.UNSPECIFIED:
      return { id, result: "not-found", status };
    case TaskStatus.SCHEDULED:
    case TaskStatus.PENDING:
    case TaskStatus.RUNNING:
      return { id, result: "cancelled", status };
    default:
      return { id, result: "ended", status };
  }
}

function retryResult(packed: Packed): RetryResult {
  const [idField, statusField, stateField] = asArray(packed);
  const id = asText(idField);
  const status = statusOf(statusField);
  const state = asBytes(stateField);
  if (state.length > 0) {
    return { id, result: "pending", task: pendingTask(decodeRunState(state)) };
  }
  const result = status === TaskStatus.UNSPECIFIED ? "not-found" : "not-retryable";
  return { id, result, status };
}

function contradiction(packed: Packed): Contradiction {
  const [idField, statusField] = asArray(packed);
  const id = asText(idField);
  switch (statusOf(statusField)) {
    case TaskStatus.UNSPECIFIED:
      return { id, reason: "not-found" };
    case TaskStatus.SCHEDULED:
      return { id, reason: "not-due" };
    case TaskStatus.RUNNING:
      return { id, reason: "running" };
    default:
      return { id, reason: "ended" };
  }
}

function statusOf(field: Packed | undefined): TaskStatus {
  return storedStatus(asNumber(field));
}
