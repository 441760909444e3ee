// Why leadership was not handed over, in words for whoever asked for it.
import { QueueError } from "../../queue/errors.js";

const RETRY_AFTER_MS = 1_000;

/**
 * @param reason that of the Raft core
 * @param to who was to lead; empty: any other voter
 */
export function transferRefusal(reason: string, to: string): QueueError {
  switch (reason) {
    case "not-leader":
      return new QueueError("not_leader", "this node does not lead");
    case "already-transferring":
      return new QueueError("no_leader", "leadership is being handed over already: try again", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    case "already-leader":
      return invalid(`${to} leads already: name another voter`);
    case "not-a-voter":
      return invalid(`${JSON.stringify(to)} is no voter: name one of those that GetCluster shows`);
    case "no-other-voter":
      return invalid("there is no other voter that could lead");
    default:
      return invalid(`leadership stays: ${reason}`);
  }
}

function invalid(message: string): QueueError {
  return new QueueError("invalid_field", `to: ${message}`, { field: "to" });
}
