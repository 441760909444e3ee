// Why a task stands where it does, as HTTP shows it. A reason has only the details that it is about.
import type {
  AttemptWhy,
  ConsideredNode,
  Reason,
  WhyTaskResponse,
} from "../gen/mesh/v1/task_why.js";
import { statusName } from "./task-json.js";

/**
 * Why a task stands where it does, as clients see it: details that a reason does not have are left
 * out.
 */
export function whyView(answer: WhyTaskResponse): Record<string, unknown> {
  const { id, status, queue, reasons, attempts, leaderId, term } = answer;
  return {
    id,
    status: statusName[status],
    queue,
    reasons: reasons.map(reasonView),
    attempts: attempts.map(attemptView),
    leader: { id: leaderId, term },
    commitIndex: answer.commitIndex,
    redisAppliedIndex: answer.redisAppliedIndex,
  };
}

function attemptView(one: AttemptWhy): Record<string, unknown> {
  const { attempt, workerId, fence, term, placed, ended } = one;
  return {
    attempt,
    workerId,
    fence,
    term: term === 0 ? null : term,
    placed: placed === undefined ? null : reasonView(placed),
    ended: ended === undefined ? null : reasonView(ended),
  };
}

function reasonView(one: Reason): Record<string, unknown> {
  const { code, message, nodes, missingLabels, taskIds, atMs, count, limit, index, term } = one;
  return {
    code,
    message,
    ...(nodes.length === 0 ? {} : { nodes: nodes.map(nodeView) }),
    ...(missingLabels.length === 0 ? {} : { missingLabels }),
    ...(taskIds.length === 0 ? {} : { taskIds }),
    ...(atMs === undefined ? {} : { at: new Date(atMs).toISOString() }),
    ...(count === undefined ? {} : { count }),
    ...(limit === undefined ? {} : { limit }),
    ...(index === 0 ? {} : { index }),
    ...(term === 0 ? {} : { term }),
  };
}

function nodeView({ missingLabels, ...node }: ConsideredNode): Record<string, unknown> {
  return missingLabels.length === 0 ? node : { ...node, missingLabels };
}
