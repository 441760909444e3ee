// How a node without a log becomes a member: it asks the nodes that it can find, one after the other,
// until the leader has admitted it. Before that it takes no part in Raft.
import { setTimeout as sleep } from "node:timers/promises";
import { ulid } from "ulid";
import { reasonOf } from "../../api/call-outcome.js";
import type { ClientPool } from "../../api/client-pool.js";
import { callUnary } from "../../api/unary-client.js";
import type { RegistryView } from "../../discovery/registry-watch.js";
import { SPOKEN_VERSION } from "../../queue/state/mesh-version.js";
import type { JoinMeshRequest, JoinMeshResponse } from "../../gen/mesh/v1/membership_service.js";
import type { Logger } from "../../telemetry/logger.js";

const CALL_MS = 5_000;
const RETRY_MS = 250;
const LOG_EVERY_MS = 5_000;

export interface JoinMeshOptions {
  readonly id: string;
  /** host:port at which it will serve. */
  readonly address: string;
  readonly meshId: string;
  readonly registry: Pick<RegistryView, "records" | "formation">;
  readonly clients: ClientPool;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Resolves with true once this node is a learner, with false where another mesh has taken the place of this
 * one meanwhile. Rejects with the signal's reason when it is aborted.
 */
export async function joinMesh(options: JoinMeshOptions): Promise<boolean> {
  const { id, address, meshId, registry, logger, signal } = options;
  const request = { nodeId: id, address, meshId, process: ulid(), speaks: SPOKEN_VERSION };
  let saidAtMs = -Infinity;
  while ((registry.formation?.meshId ?? meshId) === meshId) {
    let reason = whyNobody(options);
    for (const member of membersOf(options)) {
      signal.throwIfAborted();
      const answer = await ask(options.clients, member, request);
      if (answer.admitted) return true;
      reason = `${member}: ${answer.reason}`;
    }
    if (performance.now() - saidAtMs > LOG_EVERY_MS) {
      saidAtMs = performance.now();
      logger.warn({ reason }, "waiting to be admitted to the mesh");
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  return false;
}

/** Why no member is there to be asked: it may be that none will ever come. */
function whyNobody({ meshId, registry }: JoinMeshOptions): string {
  const members = registry.formation?.members ?? [];
  const isBackEmpty = ({ id }: { readonly id: string }): boolean => {
    const record = registry.records().find((one) => one.id === id);
    return record !== undefined && record.meshId === undefined;
  };
  const isLost = members.length > 0 && members.every(isBackEmpty);
  if (!isLost) return "no member of the mesh can be found";
  return (
    `every member of mesh ${meshId} (${members.map(({ id }) => id).join(", ")}) is here with an empty data ` +
    'folder: give one its folder back, or stop all and run "taskmesh recover --from-redis"'
  );
}

function membersOf({ id, address, meshId, registry }: JoinMeshOptions): readonly string[] {
  const living = registry.records().filter((record) => record.meshId === meshId);
  const founders = registry.formation?.meshId === meshId ? registry.formation.members : [];
  const others = [...living, ...founders].filter((member) => member.id !== id);
  return [...new Set(others.map((member) => member.address))].filter((each) => each !== address);
}

async function ask(
  clients: ClientPool,
  member: string,
  request: JoinMeshRequest,
): Promise<JoinMeshResponse> {
  const { membership } = clients.at(member);
  const bounds = { deadlineMs: Date.now() + CALL_MS };
  const answer = await callUnary(membership.joinMesh.bind(membership), request, bounds);
  if (answer.error === null) return answer.response;
  return { admitted: false, reason: reasonOf(answer.error) };
}
