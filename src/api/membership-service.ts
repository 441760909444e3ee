// mesh.v1.MembershipService: nodes without a log ask to become members; the leader decides.
import type {
  JoinMeshRequest,
  MembershipServiceServer,
} from "../gen/mesh/v1/membership_service.js";
import { QueueError, requireThat } from "../queue/errors.js";
import type { EdgeLog } from "./edge-log.js";
import type { Forwarder } from "./forwarding.js";
import { unaryHandler } from "./unary-call.js";

const MAX_NAME_LENGTH = 256;

/** Done by the leader; on another node this throws QueueError "not_leader". */
export interface LeaderAdmissions {
  /** Undefined once the node is a learner, else what is waited for. */
  join(request: JoinMeshRequest): Promise<string | undefined>;
}

export interface MembershipServiceOptions {
  readonly meshId: string;
  readonly admissions: LeaderAdmissions;
  readonly forwarder: Forwarder;
  readonly log: EdgeLog;
}

/** mesh.v1.MembershipService: lets a node of the same mesh in; done by the leader. */
export function createMembershipService(
  options: MembershipServiceOptions,
): MembershipServiceServer {
  const { admissions, forwarder, log } = options;
  return {
    joinMesh: unaryHandler((request, context) => {
      assertOfMesh(request, options.meshId);
      return forwarder.run(
        {
          request,
          repeat: "same",
          local: async (own) => {
            const reason = await admissions.join(own);
            return { admitted: reason === undefined, reason: reason ?? "" };
          },
          stub: (peer) => peer.membership.joinMesh.bind(peer.membership),
        },
        context,
      );
    }, log),
  };
}

function assertOfMesh({ nodeId, address, meshId, process }: JoinMeshRequest, own: string): void {
  if (meshId !== own) {
    throw new QueueError("invalid_field", `this node is of mesh ${own}`, { field: "mesh_id" });
  }
  const named = { node_id: nodeId, address, process };
  for (const [field, value] of Object.entries(named)) {
    const isBounded = value !== "" && value.length <= MAX_NAME_LENGTH;
    requireThat(isBounded, field, `must have 1 to ${MAX_NAME_LENGTH} characters`);
  }
}
