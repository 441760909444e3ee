// The log of a task, as HTTP shows it.
import type { ListTaskLogsResponse, TaskLogLine } from "../gen/mesh/v1/task_log.js";

/** A page of what handlers wrote, as JSON text: fields are taken over as they are, not parsed. */
export function logJson({ lines, nextCursor }: ListTaskLogsResponse): string {
  const next = nextCursor === "" ? "null" : JSON.stringify(nextCursor);
  return `{"lines":[${lines.map(lineJson).join(",")}],"nextCursor":${next}}`;
}

function lineJson({ atMs, attempt, level, message, fields }: TaskLogLine): string {
  const head = { at: new Date(atMs).toISOString(), attempt, level, message };
  return `${JSON.stringify(head).slice(0, -1)},"fields":${fields === "" ? "null" : fields}}`;
}
