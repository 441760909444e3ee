// mesh.v1.LivenessService: a node says that it lives, or finds out whether another one does (the
// indirect probe of SWIM, Das et al. 2002, §3.1).
import type {
  LivenessServiceServer,
  ProbeRequest,
  ProbeResponse,
} from "../gen/mesh/v1/liveness_service.js";
import { QueueError } from "../queue/errors.js";
import type { ClientPool } from "./client-pool.js";
import type { EdgeLog } from "./edge-log.js";
import { unaryHandler } from "./unary-call.js";
import { callUnary } from "./unary-client.js";

/** Longest that a probe is handed on for, whatever its caller allows. */
const MAX_PROBE_MS = 5_000;
/** Share of the caller's time that is left for the answer's way back. */
const WAY_BACK_SHARE = 0.2;

export const NOT_REACHED: ProbeResponse = {
  reached: false,
  revoked: false,
  startedAtMs: 0,
  reports: [],
};

export interface LivenessServiceOptions {
  readonly meshId: string;
  readonly nodeId: string;
  /** What this node answers for itself. */
  readonly answer: (request: ProbeRequest) => ProbeResponse;
  readonly addressOf: (nodeId: string) => string | undefined;
  readonly clients: ClientPool;
  readonly log: EdgeLog;
}

/** mesh.v1.LivenessService: answers for this node, or asks another one on the leader's behalf. */
export function createLivenessService(options: LivenessServiceOptions): LivenessServiceServer {
  const { meshId, nodeId, answer, addressOf, clients, log } = options;
  return {
    probe: unaryHandler(async (request, { deadlineMs }) => {
      if (request.meshId !== meshId) {
        throw new QueueError("invalid_field", `this node is of mesh ${meshId}`, {
          field: "mesh_id",
        });
      }
      if (request.nodeId === nodeId) return answer(request);
      const address = request.direct ? undefined : addressOf(request.nodeId);
      if (address === undefined) return NOT_REACHED;
      const leftMs = Math.min(MAX_PROBE_MS, deadlineMs - Date.now()) * (1 - WAY_BACK_SHARE);
      return probe(clients, address, { ...request, direct: true }, leftMs);
    }, log),
  };
}

/** Never rejects: who cannot be asked is not reached. */
export async function probe(
  clients: ClientPool,
  address: string,
  request: ProbeRequest,
  timeoutMs: number,
): Promise<ProbeResponse> {
  const { liveness } = clients.at(address);
  const bounds = { deadlineMs: Date.now() + timeoutMs };
  const answer = await callUnary(liveness.probe.bind(liveness), request, bounds);
  return answer.error === null ? answer.response : NOT_REACHED;
}
