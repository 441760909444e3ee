// The mesh as this node sees it: Raft, links, Redis, and how many tasks there are.
import type { ClusterReads } from "../../api/task-backend.js";
import type {
  ClusterMember,
  GetClusterResponse,
  Link,
  TaskCounts,
  WatchClusterResponse,
} from "../../gen/mesh/v1/cluster_service.js";
import { WorkerState } from "../../gen/mesh/v1/cluster_service.js";
import type { QueueLeader } from "../../queue/leader/leader.js";
import type { AppliedIndexWatch } from "../../queue/redis/applied-watch.js";
import { RedisUnavailable } from "../../queue/redis/errors.js";
import type { TaskReader } from "../../queue/redis/reader.js";
import type { RedisConnectionState } from "../../redis/connection.js";
import type { Member, RaftNode, RaftStatus } from "../../raft/index.js";
import { ClusterWatch } from "./cluster-watch.js";
import { isReachable } from "./member-reach.js";
import type { PeerLinks } from "../transport/peer-links.js";
import type { QueueMachine } from "../../queue/state/queue-machine.js";
import type { WorkerView } from "./worker-view.js";

export interface ClusterViewOptions {
  readonly meshName: string;
  readonly meshId: string;
  readonly nodeId: string;
  readonly balancerPolicy: string;
  readonly raft: RaftNode;
  /** `leader` is undefined where this node does not lead. */
  readonly leadership: { readonly leader: Pick<QueueLeader, "redisState" | "workers"> | undefined };
  readonly machine: Pick<QueueMachine, "table" | "queues" | "version">;
  readonly links: PeerLinks;
  /** Whether what is sent to a node is impaired on purpose. */
  readonly isImpaired: (nodeId: string) => boolean;
  readonly workers: WorkerView;
  readonly redis: { readonly state: RedisConnectionState };
  /** Why Redis did not take this node's last heartbeat, where it answered. */
  readonly registryRefusal: () => string | undefined;
  readonly reader: TaskReader;
  readonly appliedWatch: AppliedIndexWatch;
  readonly addressOf: (nodeId: string) => string | undefined;
}

export class ClusterView implements ClusterReads {
  readonly #options: ClusterViewOptions;
  /** Tells of changes; whoever causes one calls its `look`. */
  readonly changes = new ClusterWatch(() => this.#state());

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  /** The workers of the mesh as this node knows them. */
  get workers(): WorkerView {
    return this.#options.workers;
  }

  /** The mesh as this node sees it now; without counts of tasks while Redis is away. */
  async cluster(): Promise<GetClusterResponse> {
    const { meshName, meshId, raft, machine, appliedWatch } = this.#options;
    const status = raft.status();
    const counts = await this.#counts();
    return {
      meshName,
      meshId,
      ...this.#standing(),
      lastIndex: status.lastIndex,
      commitIndex: status.commit,
      appliedIndex: status.applied,
      redisAppliedIndex: appliedWatch.applied,
      members: this.#members(status),
      links: this.#links(),
      counts,
      contradictions:
        machine.table.contradiction === undefined ? [] : [machine.table.contradiction],
      version: machine.version.active,
      balancerPolicy: this.#options.balancerPolicy,
    };
  }

  /** The state now and after each change, until `signal` is aborted. */
  watchCluster(signal: AbortSignal): AsyncIterable<WatchClusterResponse> {
    return this.changes.watch(signal);
  }

  #state(): WatchClusterResponse {
    const { workers, leadership } = this.#options;
    // What becomes of the workers only their leader knows.
    const isLeader = leadership.leader !== undefined;
    const members = workers.list().map(({ id, address, role, state }) => ({
      id,
      address,
      role,
      state: isLeader ? state : WorkerState.UNSPECIFIED,
    }));
    return { ...this.#standing(), members };
  }

  /** Who leads, and whether Redis follows. */
  #standing() {
    const { nodeId, raft, redis, addressOf } = this.#options;
    const { term, leader: leaderId = "" } = raft.softState;
    const { connected, error } = redis.state;
    return {
      nodeId,
      term,
      leaderId,
      leaderAddress: leaderId === "" ? "" : (addressOf(leaderId) ?? ""),
      redis: { connected, error: this.#redisError(connected, error) },
    };
  }

  #redisError(connected: boolean, error: string | undefined): string {
    if (!connected) return error ?? "not connected";
    const sync = this.#options.leadership.leader?.redisState;
    if (sync !== undefined && sync.kind !== "in-step") return sync.reason;
    return this.#options.registryRefusal() ?? "";
  }

  /** Undefined while Redis is away. */
  async #counts(): Promise<TaskCounts | undefined> {
    try {
      const { queues, ...counts } = await this.#options.reader.counts();
      const isPaused = (name: string): boolean => this.#options.machine.queues.isPaused(name);
      return { ...counts, queues: queues.map((one) => ({ ...one, paused: isPaused(one.name) })) };
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return undefined;
    }
  }

  #members(status: RaftStatus): ClusterMember[] {
    const { voters, outgoing, learners } = status.membership;
    const byId = new Map<string, { readonly member: Member; readonly voter: boolean }>();
    for (const member of learners) byId.set(member.id, { member, voter: false });
    for (const member of [...voters, ...outgoing]) byId.set(member.id, { member, voter: true });
    return [...byId.values()].map(({ member, voter }) => this.#member(member, voter, status));
  }

  #member({ id, address }: Member, voter: boolean, status: RaftStatus): ClusterMember {
    const { nodeId, links, workers, addressOf, leadership } = this.#options;
    const peer = status.peers.find((known) => known.id === id);
    const own = id === nodeId;
    return {
      id,
      address: addressOf(id) ?? address,
      role: workers.roleOf(id),
      voter,
      matchIndex: own ? status.lastIndex : (peer?.match ?? 0),
      reachable: isReachable({
        isSelf: own,
        recentActive: peer?.recentActive,
        isConnected: links.isConnected(id),
        worker: leadership.leader?.workers.get(id),
      }),
    };
  }

  #links(): Link[] {
    const { nodeId, links, isImpaired } = this.#options;
    return links.status().map((link) => ({
      from: nodeId,
      to: link.to,
      connected: link.connected,
      impaired: isImpaired(link.to),
      sentMessages: link.sentMessages,
      droppedMessages: link.droppedMessages,
    }));
  }
}
