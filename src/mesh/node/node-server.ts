// The gRPC server of a node: every service that it offers to clients, peers and workers.
import type { ChannelCredentials } from "@grpc/grpc-js";
import { type Caller, forReceiver } from "../../api/caller-identity.js";
import { ClientPool } from "../../api/client-pool.js";
import { createChaosService } from "../../api/chaos-service.js";
import { createClusterService } from "../../api/cluster-service.js";
import { Forwarder } from "../../api/forwarding.js";
import type { HealthService } from "../../api/health-service.js";
import type { LinkControl } from "../../api/link-control.js";
import { createLivenessService } from "../../api/liveness-service.js";
import { createMembershipService, type LeaderAdmissions } from "../../api/membership-service.js";
import { createRaftService } from "../../api/raft-service.js";
import { createQueueService } from "../../api/queue-service.js";
import { createReflectionServices } from "../../api/reflection-service.js";
import { createScheduleService } from "../../api/schedule-service.js";
import { createGrpcServer, type GrpcServer } from "../../api/server.js";
import type {
  ClusterReads,
  LeaderQueueOperations,
  LeaderScheduleOperations,
  TaskReads,
} from "../../api/task-backend.js";
import { createTaskService, taskServiceDefinition } from "../../api/task-service.js";
import { createWorkerAttachService } from "../../api/worker-attach-service.js";
import { ChaosServiceService } from "../../gen/mesh/v1/chaos_service.js";
import { ClusterServiceService } from "../../gen/mesh/v1/cluster_service.js";
import {
  LivenessServiceService,
  type ProbeRequest,
  type ProbeResponse,
} from "../../gen/mesh/v1/liveness_service.js";
import { MembershipServiceService } from "../../gen/mesh/v1/membership_service.js";
import { QueueServiceService } from "../../gen/mesh/v1/queue_service.js";
import { ScheduleServiceService } from "../../gen/mesh/v1/schedule_service.js";
import { type ClockReading, RaftServiceService } from "../../gen/raft/v1/raft.js";
import type { RaftNode } from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";
import type { LeaderOperations } from "../leader/leader-operations.js";
import type { LeaderSessions } from "../leader/leader-sessions.js";
import type { LeadershipTracker } from "../leader/leadership-tracker.js";
import { decodeExchange } from "../transport/raft-codec.js";

export interface NodeServerOptions {
  readonly host: string;
  readonly port: number;
  readonly id: string;
  /** Name of the mesh. */
  readonly mesh: string;
  readonly meshId: string;
  /** This node, as its calls to others introduce it. */
  readonly caller: Caller;
  readonly raft: RaftNode;
  readonly leadership: LeadershipTracker;
  readonly operations: LeaderOperations;
  readonly schedules: LeaderScheduleOperations;
  readonly queues: LeaderQueueOperations;
  readonly admissions: LeaderAdmissions;
  /** A peer says where it is reached. */
  readonly introduced: (nodeId: string, address: string) => void;
  /** A peer says what its clock shows. */
  readonly clock: (nodeId: string, reading: ClockReading) => void;
  readonly reads: TaskReads;
  readonly cluster: ClusterReads;
  readonly sessions: LeaderSessions;
  readonly health: HealthService;
  /** What this node answers where the leader asks after it. */
  readonly answerProbe: (request: ProbeRequest) => ProbeResponse;
  readonly addressOf: (nodeId: string) => string | undefined;
  /** Undefined where links may not be impaired. */
  readonly chaos: LinkControl | undefined;
  readonly logger: Logger;
  /** Log time, milliseconds since the epoch. */
  readonly now: () => number;
  /** Of calls that are forwarded. Default: no TLS. */
  readonly peerCredentials: ChannelCredentials | undefined;
}

export interface NodeServer extends GrpcServer {
  readonly clients: ClientPool;
}

/** Listens; throws PortTaken or BindFailed. */
export async function serveNode(options: NodeServerOptions): Promise<NodeServer> {
  const { operations, leadership, logger: log } = options;
  const { mesh, meshId, id, caller } = options;
  const clients = new ClientPool({ credentials: options.peerCredentials, caller });
  const forwarder = new Forwarder({ leadership, clients, now: options.now });
  const { chaos } = options;
  const services = [
    {
      definition: taskServiceDefinition,
      implementation: createTaskService({ operations, reads: options.reads, forwarder, log }),
    },
    {
      definition: ClusterServiceService,
      implementation: createClusterService({
        operations,
        reads: options.cluster,
        forwarder,
        log,
      }),
    },
    {
      definition: ScheduleServiceService,
      implementation: createScheduleService({ schedules: options.schedules, forwarder, log }),
    },
    {
      definition: ChaosServiceService,
      implementation: createChaosService({ control: chaos, self: options.id, log }),
    },
    {
      definition: QueueServiceService,
      implementation: createQueueService({ queues: options.queues, forwarder, log }),
    },
    {
      definition: MembershipServiceService,
      implementation: createMembershipService({
        meshId: options.meshId,
        admissions: options.admissions,
        forwarder,
        log,
      }),
    },
    {
      definition: LivenessServiceService,
      implementation: createLivenessService({
        meshId: options.meshId,
        nodeId: options.id,
        answer: options.answerProbe,
        addressOf: options.addressOf,
        clients,
        log,
      }),
    },
    createWorkerAttachService({ leadership, sessions: options.sessions, log }),
    {
      definition: RaftServiceService,
      implementation: createRaftService({
        meshId: () => options.meshId,
        introduced: options.introduced,
        clock: options.clock,
        receive: (_, messages) => options.raft.receive(decodeExchange(messages)),
        log,
      }),
    },
    ...createReflectionServices(log),
  ];
  const server = await createGrpcServer({
    host: options.host,
    port: options.port,
    services: services.map((service) => forReceiver(service, { mesh, meshId, nodeId: id }, log)),
    extend: [(grpc) => options.health.addToServer(grpc)],
  });
  return {
    ...server,
    clients,
    close: (graceMs) => {
      chaos?.close();
      return server.close(graceMs);
    },
  };
}
