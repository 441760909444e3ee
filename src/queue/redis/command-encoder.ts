// Writes committed entries as the apply script reads them: nested arrays in MessagePack, the items
// of a command flat. What an entry means depends on the entry alone, never on this node's clock.
import type {
  Command,
  CommandBatch,
  Dead,
  Finish,
  OperateCommand,
} from "../../gen/mesh/v1/command.js";
import { AttemptOutcome, TaskDefinition, TaskError, TaskStatus } from "../../gen/mesh/v1/task.js";
import type { CommittedEntry } from "../state/committed-entry.js";
import { IDEMPOTENCY_WINDOW_MS } from "../state/definition-rules.js";
import { MAX_TASKS_PER_ENTRY } from "../state/task-sequence.js";
import { laneName, operationKey } from "./keys.js";
import {
  concernsTasks,
  MAX_EXPIRED,
  MAX_PROMOTED,
  MAX_SETTLED,
  operableOf,
} from "./command-reach.js";
import { PackedWriter } from "./packed-writer.js";
import { encodeOptions } from "./task-options.js";

/** Longer data and results are kept in keys of their own, so that lists and heads stay light. */
const INLINE_TEXT_LENGTH = 512;

/** Bounds of what a task remembers of an error. */
const MAX_ERROR_MESSAGE_LENGTH = 4_096;
const MAX_ERROR_STACK_LENGTH = 8_192;
const MAX_HISTORY_ERROR_LENGTH = 512;

/** The error of a task that is dead because its deadline has passed. */
const DEADLINE_EXCEEDED: TaskError = {
  name: "DeadlineExceeded",
  message: "deadline exceeded",
  stack: "",
};

/** Kinds of commands as apply.lua numbers its transitions. */
const KIND = {
  submit: 1,
  assign: 2,
  finish: 3,
  release: 4,
  cancel: 5,
  retry: 6,
  promote: 7,
  drop: 30,
  expire: 31,
  overdue: 32,
  settle: 33,
  operate: 60,
};

/** The entries as the script's argument; empty when none of them has a command. */
export function encodeEntries(entries: readonly CommittedEntry[]): Buffer {
  const batches: { readonly index: number; readonly batch: CommandBatch }[] = [];
  for (const { index, batch } of entries) {
    if (batch?.commands.some(concernsTasks) === true) batches.push({ index, batch });
  }
  if (batches.length === 0) return Buffer.alloc(0);
  const writer = new PackedWriter().array(batches.length);
  for (const { index, batch } of batches) writeEntry(writer, index, batch);
  return writer.finish();
}

function writeEntry(writer: PackedWriter, index: number, batch: CommandBatch): void {
  const commands = batch.commands.filter(concernsTasks);
  writer.array(3).number(index).number(batch.atMs).array(commands.length);
  // Positions run through all submissions of the entry, see taskSequence.
  let sequence = index * MAX_TASKS_PER_ENTRY;
  for (const command of commands) {
    writeCommand(writer, command, sequence, batch.atMs);
    if (command.kind?.$case === "submit") sequence += command.kind.value.tasks.length;
  }
}

function writeCommand(w: PackedWriter, { kind }: Command, sequence: number, atMs: number): void {
  switch (kind?.$case) {
    case "submit": {
      const { tasks } = kind.value;
      writeHead(w, KIND.submit, 3, tasks.length * 8);
      tasks.forEach((task, position) => writeSubmitItem(w, task, sequence + position));
      w.number(atMs + IDEMPOTENCY_WINDOW_MS);
      break;
    }
    case "assign": {
      const { assignments, nodeId } = kind.value;
      writeHead(w, KIND.assign, 3, assignments.length * 2);
      for (const { taskId, attempt } of assignments) w.text(taskId).number(attempt);
      w.text(nodeId);
      break;
    }
    case "finish": {
      // An outcome of a kind that this version does not know: nothing may be made of it.
      const outcomes = kind.value.outcomes.filter(({ outcome }) => outcome !== undefined);
      writeHead(w, KIND.finish, 2, outcomes.length * 7);
      for (const item of outcomes) writeFinishItem(w, item);
      break;
    }
    case "release": {
      const { releases } = kind.value;
      writeHead(w, KIND.release, 2, releases.length * 5);
      for (const { taskId, fence, reason, cause, runAtMs } of releases) {
        w.text(taskId).number(fence).number(reason).text(cut(cause, MAX_HISTORY_ERROR_LENGTH));
        w.number(runAtMs);
      }
      break;
    }
    case "cancel":
      writeIds(w, KIND.cancel, kind.value.taskIds);
      break;
    case "retry":
      writeHead(w, KIND.retry, 3, kind.value.taskIds.length);
      for (const id of kind.value.taskIds) w.text(id);
      w.boolean(kind.value.onlyDead);
      break;
    case "drop":
      writeIds(w, KIND.drop, kind.value.taskIds);
      break;
    case "overdue":
      writeHead(w, KIND.overdue, 3, kind.value.taskIds.length);
      for (const id of kind.value.taskIds) w.text(id);
      w.string(TaskError.encode(DEADLINE_EXCEEDED).finish());
      break;
    case "settle":
      w.array(2).number(KIND.settle).number(Math.min(kind.value.limit, MAX_SETTLED));
      break;
    case "expire": {
      const { rules, limit } = kind.value;
      w.array(3)
        .number(KIND.expire)
        .number(Math.min(limit, MAX_EXPIRED))
        .array(rules.length * 3);
      for (const { status, endedBeforeMs, maxCount } of rules) {
        w.number(status).number(endedBeforeMs).number(maxCount);
      }
      break;
    }
    case "promote":
      w.array(2).number(KIND.promote).number(Math.min(kind.value.limit, MAX_PROMOTED));
      break;
    case "operate":
      writeOperate(w, kind.value);
      break;
    case "putSchedule":
    case "deleteSchedule":
    case "fireSchedule":
    case "drainNode":
    case "configureQueue":
    case "activateVersion":
    case "transfer":
    case undefined:
      break;
  }
}

function writeOperate(w: PackedWriter, operate: OperateCommand): void {
  const inner = operableOf(operate);
  const { operation } = operate;
  if (inner === undefined || operation === undefined) return;
  writeHead(w, KIND.operate, 6, inner.value.taskIds.length);
  for (const id of inner.value.taskIds) w.text(id);
  w.number(KIND[inner.$case]).text(operationKey(operation.id)).number(operation.expiresAtMs);
  w.boolean(inner.$case === "retry" && inner.value.onlyDead);
}

/** Begins a command of `length` values: its kind and its items, then what else it has. */
function writeHead(writer: PackedWriter, kind: number, length: number, itemValues: number): void {
  writer.array(length).number(kind).array(itemValues);
}

function writeIds(writer: PackedWriter, kind: number, ids: readonly string[]): void {
  writeHead(writer, kind, 2, ids.length);
  for (const id of ids) writer.text(id);
}

function writeSubmitItem(writer: PackedWriter, task: TaskDefinition, sequence: number): void {
  const large = task.data.length > INLINE_TEXT_LENGTH;
  const stored = large ? { ...task, data: "" } : task;
  writer
    .text(task.id)
    .text(laneName(task.queue, task.priority))
    .text(String(sequence))
    .number(task.runAtMs)
    .text(task.idempotencyKey)
    .string(TaskDefinition.encode(stored).finish())
    .text(large ? task.data : "")
    .string(encodeOptions(task));
}

function writeFinishItem(writer: PackedWriter, item: Finish): void {
  const { outcome } = item;
  writer.text(item.taskId).number(item.fence).number(item.startedAtMs).number(item.finishedAtMs);
  switch (outcome?.$case) {
    case "completed": {
      const large = outcome.value.length > INLINE_TEXT_LENGTH;
      writer.number(TaskStatus.COMPLETED).text(outcome.value).boolean(large);
      break;
    }
    case "retry":
      writer.number(TaskStatus.SCHEDULED);
      writeFailure(writer, outcome.value, outcome.value.runAtMs);
      break;
    case "dead":
      writer.number(TaskStatus.DEAD);
      writeFailure(writer, outcome.value, 0);
      break;
    case undefined:
      throw new Error("an outcome without a kind is never encoded");
  }
}

function writeFailure(writer: PackedWriter, { error, timedOut }: Dead, runAtMs: number): void {
  writer.string(errorBytes(error));
  writer.array(3).number(attemptOutcome(timedOut)).text(historyText(error)).number(runAtMs);
}

function attemptOutcome(timedOut: boolean): AttemptOutcome {
  return timedOut ? AttemptOutcome.TIMED_OUT : AttemptOutcome.FAILED;
}

function errorBytes(error: TaskError | undefined): Uint8Array {
  const { name, message, stack } = error ?? { name: "Error", message: "", stack: "" };
  return TaskError.encode({
    name: cut(name, MAX_HISTORY_ERROR_LENGTH),
    message: cut(message, MAX_ERROR_MESSAGE_LENGTH),
    stack: cut(stack, MAX_ERROR_STACK_LENGTH),
  }).finish();
}

function historyText(error: TaskError | undefined): string {
  return cut(error?.message ?? "", MAX_HISTORY_ERROR_LENGTH);
}

/** Cuts text without splitting a surrogate pair. */
function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const code = text.charCodeAt(maxLength - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? maxLength - 1 : maxLength);
}
