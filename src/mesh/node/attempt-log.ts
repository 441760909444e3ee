// What attempts leave in the log of their node, and in that of their task.
import type { TaskLogLine } from "../../gen/mesh/v1/task_log.js";
import { logField } from "../../telemetry/fields.js";
import type { Logger } from "../../telemetry/logger.js";
import type { TaskAssignment } from "../../worker/attempt.js";
import type { FailedResult } from "../../worker/executor-options.js";
import type { LogLine } from "../../worker/log-line.js";

/**
 * One line for each attempt that did not succeed: whoever reads the log alone is to find it. That of which
 * node it is the logger says by itself.
 */
export function writeFailure(
  logger: Logger,
  { taskId, type, attempt }: TaskAssignment,
  result: FailedResult,
): void {
  const fields = {
    [logField.taskId]: taskId,
    [logField.taskType]: type,
    [logField.attempt]: attempt,
  };
  if (result.kind === "given-back") {
    logger.warn(fields, `an attempt was handed back: ${result.reason}`);
    return;
  }
  const { name = "", message = "", stack = "" } = result.failure.error ?? {};
  const error = { type: name, message, stack };
  logger.warn({ ...fields, [logField.error]: error }, `an attempt failed: ${name}: ${message}`);
}

/** A handler's line in the log of its task. */
export function storedLine({ attempt }: TaskAssignment, line: LogLine): TaskLogLine {
  const { atMs, level, message, fieldsJson: fields } = line;
  return { atMs, attempt, level, message, fields };
}

/** A handler's line in the log of the node. */
export function writeLine(
  logger: Logger,
  { taskId, type, attempt }: TaskAssignment,
  line: LogLine,
): void {
  if (!logger.isLevelEnabled(line.level)) return;
  const fields = line.fieldsJson === "" ? {} : { fields: JSON.parse(line.fieldsJson) as unknown };
  logger[line.level]({ taskId, taskType: type, attempt, ...fields }, line.message);
}
