// Reports in messages that the leader takes: results have up to a megabyte each, and a worker that finds
// a leader again may have many of them to tell.
import { MAX_ATTACH_MESSAGE_BYTES } from "../../api/limits.js";
import type { TaskReport } from "../../gen/mesh/v1/worker_service.js";

/** Room for what a report has besides its texts, and for the message around it. */
const OVERHEAD_BYTES = 256;
/** Of one UTF-16 unit in UTF-8, at most. */
const BYTES_PER_UNIT = 3;

/** The reports in their order, in as many parts as it takes for each to fit one message. */
export function* reportMessages(
  reports: readonly TaskReport[],
  maxBytes = MAX_ATTACH_MESSAGE_BYTES,
): Generator<readonly TaskReport[]> {
  let part: TaskReport[] = [];
  let bytes = OVERHEAD_BYTES;
  for (const report of reports) {
    const more = OVERHEAD_BYTES + BYTES_PER_UNIT * lengthOf(report);
    if (part.length > 0 && bytes + more > maxBytes) {
      yield part;
      part = [];
      bytes = OVERHEAD_BYTES;
    }
    part.push(report);
    bytes += more;
  }
  if (part.length > 0) yield part;
}

function lengthOf({ taskId, outcome }: TaskReport): number {
  switch (outcome?.$case) {
    case undefined:
      return taskId.length;
    case "result":
    case "handedBack":
    case "lost":
      return taskId.length + outcome.value.length;
    case "failure": {
      const { name = "", message = "", stack = "" } = outcome.value.error ?? {};
      return taskId.length + name.length + message.length + stack.length;
    }
  }
}
