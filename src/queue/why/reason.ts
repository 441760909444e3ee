// One reason among those that explain a task: a stable code, a sentence, and what the sentence names.
import type { ConsideredNode, Reason } from "../../gen/mesh/v1/task_why.js";

/** Nodes that a reason carries; its sentence names fewer. */
const MAX_NODES = 50;
const MAX_NAMED = 5;

/** A reason with these details; all others are absent. */
export function reason(code: string, message: string, details: Partial<Reason> = {}): Reason {
  return {
    code,
    message,
    missingLabels: [],
    taskIds: [],
    atMs: undefined,
    count: undefined,
    limit: undefined,
    index: 0,
    term: 0,
    ...details,
    nodes: (details.nodes ?? []).slice(0, MAX_NODES),
  };
}

/** What is told of each, with commas between; past a few only how many more there are. */
export function listed<T>(all: readonly T[], told: (one: T) => string): string {
  const named = all.slice(0, MAX_NAMED).map(told).join(", ");
  const more = all.length - MAX_NAMED;
  return more > 0 ? `${named} and ${more} more` : named;
}

/** Milliseconds since the epoch as people read it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/** "n1 (20 of 20 run)" and the like. */
export function loadText({ id, running, concurrency }: ConsideredNode): string {
  return `${id} (${running} of ${concurrency} slots taken)`;
}
