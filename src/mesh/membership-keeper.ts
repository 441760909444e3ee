// While this node leads, brings strangers in: a node of this mesh that is in the registry and not in
// the membership becomes a learner, so that it receives the log and can run tasks.
import type { RegistryView } from "../discovery/registry-watch.js";
import type { NodeRecord } from "../discovery/node-record.js";
import { nodeId, ProposalLost, ProposalRefused, type RaftNode } from "../raft/index.js";
import type { Logger } from "../telemetry/logger.js";

export interface MembershipKeeperOptions {
  readonly meshId: string;
  readonly raft: RaftNode;
  readonly registry: RegistryView;
  readonly logger: Logger;
}

export class MembershipKeeper {
  readonly #stopWatching: () => void;
  #busy = false;

  constructor(private readonly options: MembershipKeeperOptions) {
    this.#stopWatching = options.registry.onChange(() => this.check());
  }

  /** The registry, the membership or the leader may have changed. */
  check(): void {
    if (this.#busy || this.options.raft.softState.role !== "leader") return;
    const stranger = this.#stranger();
    if (stranger === undefined) return;
    this.#busy = true;
    void this.#admit(stranger).then((admitted) => {
      this.#busy = false;
      if (admitted) this.check();
    });
  }

  stop(): void {
    this.#stopWatching();
  }

  #stranger(): NodeRecord | undefined {
    const { meshId, raft, registry } = this.options;
    const { voters, outgoing, learners, learnersNext } = raft.status().membership;
    const known = new Set([...voters, ...outgoing, ...learners, ...learnersNext].map((m) => m.id));
    return registry
      .records()
      .find((record) => record.meshId === meshId && !known.has(nodeId(record.id)));
  }

  async #admit({ id, address }: NodeRecord): Promise<boolean> {
    const { raft, logger } = this.options;
    try {
      await raft.changeMembership([{ kind: "add-learner", member: { id: nodeId(id), address } }]);
      logger.info({ peerId: id, address }, "a node joined the mesh as a learner");
      return true;
    } catch (error) {
      // Refused or lost with the leadership: the next change of registry or leader tries again.
      if (!(error instanceof ProposalRefused) && !(error instanceof ProposalLost)) throw error;
      logger.debug({ err: error, peerId: id }, "a node could not join yet");
      return false;
    }
  }
}
