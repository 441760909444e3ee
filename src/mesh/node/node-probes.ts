// A node's two parts in finding out who lives: what it answers, and what it asks while it leads.
import type { ClientPool } from "../../api/client-pool.js";
import { probe } from "../../api/liveness-service.js";
import type { ProbeRequest, ProbeResponse } from "../../gen/mesh/v1/liveness_service.js";
import type { Consensus } from "./node-consensus.js";
import type { NodeParts } from "./node-parts.js";
import type { WorkerAgent } from "../worker/worker-agent.js";
import { WorkerProbes } from "../leader/worker-probes.js";

export function answerProbe(
  { description: { startedAtMs } }: NodeParts,
  { raft }: Consensus,
  agent: WorkerAgent,
  { revocation }: ProbeRequest,
): ProbeResponse {
  const obeys = revocation !== undefined && revocation.term >= raft.softState.term;
  const reports = obeys ? [...agent.revoked(revocation.index)] : [];
  return { reached: true, revoked: obeys, startedAtMs, reports };
}

export function createProbes(
  { config, id, meshId, logger }: NodeParts,
  { raft, leadership, sessions }: Consensus,
  clients: ClientPool,
): WorkerProbes {
  return new WorkerProbes({
    nodeId: id,
    meshId,
    leaseMs: config.worker.leaseMs,
    // One that stood still itself hears of nobody for a moment.
    leader: () => (sessions.isDoubted ? undefined : leadership.leader),
    term: () => raft.softState.term,
    lastIndex: () => raft.lastIndex,
    probe: (address, request, timeoutMs) => probe(clients, address, request, timeoutMs),
    monotonicMs: () => performance.now(),
    random: Math.random,
    logger,
  });
}
