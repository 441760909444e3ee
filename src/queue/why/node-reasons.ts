// Why no node takes a task: none has its type, none has its labels, or those
// that have cannot start it now, or are full.
import type { ConsideredNode, Reason } from "../../gen/mesh/v1/task_why.js";
import type { Candidate } from "../balancing/candidate.js";
import type { Need } from "../balancing/policy.js";
import { listed, loadText, reason } from "./reason.js";

/** A node that has attached to the leader, and how it stands. */
export interface NodeStanding {
  readonly node: Candidate;
  /** In one word, for people. */
  readonly state: "active" | "joining" | "draining" | "lost";
  /** Whether it is given work at all, as soon as a slot is free. */
  readonly takesWork: boolean;
  /** Slots that may be filled now. */
  readonly freeSlots: number;
}

/** At most one reason; none where some node has a free slot for the task. */
export function nodeReasons(
  standings: readonly NodeStanding[],
  { type, requires }: Need,
): Reason[] {
  const lacks = ({ node }: NodeStanding): string[] =>
    requires.filter((label) => !node.hello.labels.includes(label));
  const described = (one: NodeStanding): ConsideredNode => ({
    id: one.node.id,
    state: one.state,
    running: one.node.running,
    concurrency: one.node.hello.concurrency,
    freeSlots: one.freeSlots,
    missingLabels: lacks(one),
    relativeServiceTime: one.node.pace.overall,
  });
  const withType = standings.filter(({ node }) => node.hello.types.includes(type));
  const live = withType.filter(({ takesWork }) => takesWork);
  if (live.length === 0) return [noType(type, withType.map(described))];
  const fitting = live.filter((one) => lacks(one).length === 0);
  if (fitting.length === 0) {
    const away = withType.filter((one) => !one.takesWork && lacks(one).length === 0);
    const missing = requires.filter((label) => live.every((one) => lacks(one).includes(label)));
    return [noLabels(type, missing, live.map(described), away.map(described))];
  }
  const able = fitting.filter(({ node }) => !node.hello.heldTypes.includes(type));
  if (able.length === 0) return [held(type, fitting.map(described))];
  const full = able.map(described);
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

function held(type: string, nodes: readonly ConsideredNode[]): Reason {
  const message = `the handler host that runs ${JSON.stringify(type)} is being started again on ${listed(nodes, ({ id }) => id)}`;
  return reason("handler_host_restarting", message, { nodes: [...nodes] });
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
