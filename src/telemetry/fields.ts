// Names of the fields of log lines: the one place for them, so that every process writes the same
// thing under the same name and a log search can rely on it.

/** Field names of log lines. */
export const logField = {
  /** Part of the house that speaks: "up", "node", "gateway", "raft", "redis". */
  component: "component",
  mesh: "mesh",
  nodeId: "nodeId",
  peerId: "peerId",
  address: "address",
  port: "port",
  term: "term",
  leaderId: "leaderId",
  logIndex: "logIndex",
  commitIndex: "commitIndex",
  appliedIndex: "appliedIndex",
  taskId: "taskId",
  taskType: "taskType",
  queue: "queue",
  fence: "fence",
  attempt: "attempt",
  durationMs: "durationMs",
  requestId: "requestId",
  route: "route",
  statusCode: "statusCode",
  childPid: "childPid",
  exitCode: "exitCode",
  signal: "signal",
  retryInMs: "retryInMs",
  error: "err",
} as const;

export type LogField = (typeof logField)[keyof typeof logField];
