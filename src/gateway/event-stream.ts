// Server-sent events as text: a frame for each change, and ids from which a client can go on.
// Source: WHATWG HTML, "Server-sent events".
import type { WatchClusterResponse } from "../gen/mesh/v1/cluster_service.js";
import type { WatchTasksResponse } from "../gen/mesh/v1/task_service.js";
import { clusterStateView } from "./cluster-json.js";
import { statusName } from "./task-json.js";
import type { WatchPosition, WatchStep } from "./task-watch.js";

const EVENT_ID = /^(\d{1,15})(?:-(\d{1,9}))?$/;

/** Wait before a client connects again, in milliseconds. */
const CLIENT_RETRY_MS = 1_000;

/**
 * Where a watch goes on whose client saw the event `id`: behind the change `<index>-<position>`, or
 * behind the whole entry `<index>`. Undefined for what is no id.
 */
export function positionAfter(id: string): WatchPosition | undefined {
  const match = EVENT_ID.exec(id);
  if (match === null) return undefined;
  const [, index, position] = match;
  return position === undefined
    ? { index: Number(index) + 1, position: 0 }
    : { index: Number(index), position: Number(position) + 1 };
}

/** The text with which a stream begins. */
export function openingFrame(): string {
  return `retry: ${CLIENT_RETRY_MS}\n\n`;
}

/** Sent where nothing happens, so that proxies and clients see that the stream lives. */
export function heartbeatFrame(): string {
  return ": alive\n\n";
}

/** The text of one step. Without a change it moves the client's last event id alone. */
export function framesOf(step: WatchStep): string {
  if (step.kind === "reset") {
    const data = JSON.stringify({ oldestIndex: step.next.index });
    return `id: ${idBefore(step.next)}\nevent: reset\ndata: ${data}\n\n`;
  }
  return step.changes.map(changeFrame).join("") + `id: ${idBefore(step.next)}\n\n`;
}

/** The text of a state of the mesh. It has no id: who comes back is told the newest anyhow. */
export function clusterFrame(state: WatchClusterResponse): string {
  return `event: cluster\ndata: ${JSON.stringify(clusterStateView(state))}\n\n`;
}

function changeFrame(change: WatchTasksResponse): string {
  const data = JSON.stringify({
    id: change.id,
    type: change.type,
    queue: change.queue,
    status: statusName[change.status],
    attempt: change.attempt === 0 ? null : change.attempt,
    workerId: change.workerId === "" ? null : change.workerId,
    at: new Date(change.atMs).toISOString(),
    index: change.index,
  });
  return `id: ${change.index}-${change.position}\nevent: task\ndata: ${data}\n\n`;
}

/** The id of the last event before a place. */
function idBefore({ index, position }: WatchPosition): string {
  return position === 0 ? String(Math.max(0, index - 1)) : `${index}-${position - 1}`;
}
