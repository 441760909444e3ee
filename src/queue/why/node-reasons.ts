// Why no node takes a task: none has its type, none has its labels, or those that have are full.
import type { ConsideredNode, Reason } from "../../gen/mesh/v1/task_why.js";
import type { BalancerPolicy, Need } from "../balancing/policy.js";
import type { AttachedWorker, WorkerDirectory } from "../leader/worker-directory.js";
import { listed, loadText, reason } from "./reason.js";

/** At most one reason; none where some node has a free slot for the task. */
export function nodeReasons(
  workers: WorkerDirectory,
  policy: Pick<BalancerPolicy, "shareOf">,
  { type, requires }: Need,
): Reason[] {
  const free = new Map(
    workers.openings(policy).map(({ worker, freeSlots }) => [worker.id, freeSlots]),
  );
  const all = [...workers.all()];
  const withType = all.filter(({ hello }) => hello.types.includes(type));
  const live = withType.filter((worker) => workers.takesWork(worker));
  const lacks = (worker: AttachedWorker): string[] =>
    requires.filter((label) => !worker.hello.labels.includes(label));
  const described = (worker: AttachedWorker): ConsideredNode => ({
    id: worker.id,
    state: workers.stateOf(worker),
    running: worker.running,
    concurrency: worker.hello.concurrency,
    freeSlots: free.get(worker.id) ?? 0,
    missingLabels: lacks(worker),
    relativeServiceTime: worker.pace.overall,
  });
  if (live.length === 0) return [noType(type, withType.map(described))];
  const fitting = live.filter((worker) => lacks(worker).length === 0);
  if (fitting.length === 0) {
    const away = withType.filter(
      (worker) => !workers.takesWork(worker) && lacks(worker).length === 0,
    );
    const missing = requires.filter((label) =>
      live.every((worker) => lacks(worker).includes(label)),
    );
    return [noLabels(type, missing, live.map(described), away.map(described))];
  }
  const full = fitting.map(described);
  return full.some(({ freeSlots }) => freeSlots > 0) ? [] : [noSlot(full)];
}

function noType(type: string, away: readonly ConsideredNode[]): Reason {
  const message = `no live node handles the type ${JSON.stringify(type)}${awayText(away)}`;
  return reason("no_node_with_type", message, { nodes: [...away] });
}

function noLabels(
  type: string,
  missingLabels: string[],
  live: readonly ConsideredNode[],
  away: readonly ConsideredNode[],
): Reason {
  const of = `no live node that handles ${JSON.stringify(type)} has`;
  const lacking = listed(
    live,
    ({ id, missingLabels }) => `${id} lacks ${missingLabels.join(" and ")}`,
  );
  const message =
    missingLabels.length > 0
      ? `${of} the label ${missingLabels.join(", nor ")}`
      : `${of} all of its labels: ${lacking}`;
  return reason("no_node_with_labels", `${message}${awayText(away)}`, {
    nodes: [...live, ...away],
    missingLabels,
  });
}

function noSlot(full: readonly ConsideredNode[]): Reason {
  const ahead = full.filter(({ running, concurrency }) => running < concurrency);
  const note =
    ahead.length === 0
      ? ""
      : `; ${listed(ahead, ({ id }) => id)} ran more than a fair share of late and waits for others`;
  const message = `no node that could take it has a free slot: ${listed(full, loadText)}${note}`;
  return reason("no_free_slot", message, { nodes: [...full] });
}

/** Nodes that could, did they take work. */
function awayText(away: readonly ConsideredNode[]): string {
  if (away.length === 0) return "";
  return ` (${listed(away, ({ id, state }) => `${id}, which does, is ${state}`)})`;
}
