// Connections to other nodes for forwarded calls: one channel per address, a bounded number of them.
import {
  type ChannelCredentials,
  connectivityState,
  credentials,
  type Interceptor,
} from "@grpc/grpc-js";

import { ChaosServiceClient } from "../gen/mesh/v1/chaos_service.js";
import { ClusterServiceClient } from "../gen/mesh/v1/cluster_service.js";
import { LivenessServiceClient } from "../gen/mesh/v1/liveness_service.js";
import { MembershipServiceClient } from "../gen/mesh/v1/membership_service.js";
import { QueueServiceClient } from "../gen/mesh/v1/queue_service.js";
import { ScheduleServiceClient } from "../gen/mesh/v1/schedule_service.js";
import { TaskServiceClient } from "../gen/mesh/v1/task_service.js";
import { type Caller, introducing } from "./caller-identity.js";
import { NODE_CHANNEL_OPTIONS } from "./channel-options.js";

/** Only leaders are called, so past leaders are all that is kept beyond one. */
export const MAX_POOLED_PEERS = 8;

/** The services of one other node. */
export interface PeerClients {
  readonly tasks: TaskServiceClient;
  readonly cluster: ClusterServiceClient;
  readonly schedules: ScheduleServiceClient;
  readonly queues: QueueServiceClient;
  readonly membership: MembershipServiceClient;
  readonly liveness: LivenessServiceClient;
  readonly chaos: ChaosServiceClient;
}

export interface ClientPoolOptions {
  /** Default: no TLS. */
  readonly credentials?: ChannelCredentials | undefined;
  /** Past it the connection that was not used for longest is closed. Default `MAX_POOLED_PEERS`. */
  readonly maxPeers?: number;
  /** Who calls, told with each call. Default: nobody in particular, such as a client. */
  readonly caller?: Caller | undefined;
}

export class ClientPool {
  readonly #maxPeers: number;
  /** In the order of use, the longest unused first. */
  readonly #peers = new Map<string, PeerClients>();
  readonly #credentials: ChannelCredentials;
  readonly #interceptors: Interceptor[];

  constructor(options: ClientPoolOptions = {}) {
    const { caller } = options;
    this.#maxPeers = options.maxPeers ?? MAX_POOLED_PEERS;
    this.#credentials = options.credentials ?? credentials.createInsecure();
    this.#interceptors = caller === undefined ? [] : [introducing(caller)];
  }

  /**
   * The clients of the node at an address, which share one channel; opened when first asked for.
   * The peer that was not asked for longest is closed past the bound.
   */
  at(address: string): PeerClients {
    const peer = this.#peers.get(address) ?? this.#open(address);
    this.#peers.delete(address);
    this.#peers.set(address, peer);
    for (const [oldest, { tasks }] of this.#peers) {
      if (this.#peers.size <= this.#maxPeers) break;
      this.#peers.delete(oldest);
      // Calls under way go on to their end.
      tasks.close();
    }
    return peer;
  }

  /** Closes every channel; calls under way go on to their end. */
  close(): void {
    for (const { tasks } of this.#peers.values()) tasks.close();
    this.#peers.clear();
  }

  #open(address: string): PeerClients {
    const interceptors = this.#interceptors;
    const tasks = new TaskServiceClient(address, this.#credentials, {
      ...NODE_CHANNEL_OPTIONS,
      interceptors,
    });
    const shared = { channelOverride: tasks.getChannel(), interceptors };
    const cluster = new ClusterServiceClient(address, this.#credentials, shared);
    const schedules = new ScheduleServiceClient(address, this.#credentials, shared);
    const queues = new QueueServiceClient(address, this.#credentials, shared);
    const membership = new MembershipServiceClient(address, this.#credentials, shared);
    const liveness = new LivenessServiceClient(address, this.#credentials, shared);
    const chaos = new ChaosServiceClient(address, this.#credentials, shared);
    return { tasks, cluster, schedules, queues, membership, liveness, chaos };
  }
}

/**
 * True once the peer is connected, false where it cannot be reached by `deadlineMs`. Asked before a
 * call is sent, so that a call that fails for want of a connection is known not to have arrived.
 */
export async function isConnected(
  peer: { readonly tasks: Pick<TaskServiceClient, "getChannel"> },
  deadlineMs: number,
): Promise<boolean> {
  const channel = peer.tasks.getChannel();
  let triedToConnect = false;
  for (;;) {
    const state = channel.getConnectivityState(true);
    switch (state) {
      case connectivityState.READY:
        return true;
      case connectivityState.SHUTDOWN:
        return false;
      case connectivityState.TRANSIENT_FAILURE:
        // A failure of this very moment is an answer; an old one is worth waiting for a new try.
        if (triedToConnect) return false;
        break;
      case connectivityState.IDLE:
      case connectivityState.CONNECTING:
        // A try may fail so soon that it is never seen under way.
        triedToConnect = true;
        break;
    }
    const changed = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadlineMs, (error) => {
        resolve(error === undefined);
      });
    });
    if (!changed) return false;
  }
}
