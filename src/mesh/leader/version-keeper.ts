// While this node leads: lets the mesh speak a later version as soon as every member understands it, and not
// before. Decided in the log, so that all begin at the same entry, and whoever leads next knows it.
import type { QueueLeader } from "../../queue/leader/leader.js";
import { FIRST_VERSION, type MeshVersion, SPOKEN_VERSION } from "../../queue/state/mesh-version.js";
import type { RaftStatus } from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";

export interface VersionKeeperOptions {
  readonly raft: { status(): Pick<RaftStatus, "membership"> };
  /** Undefined while this node does not lead. */
  readonly leader: () => Pick<QueueLeader, "workers" | "command"> | undefined;
  readonly version: Pick<MeshVersion, "active">;
  readonly logger: Logger;
}

export class VersionKeeper {
  readonly #options: VersionKeeperOptions;
  #isProposing = false;

  constructor(options: VersionKeeperOptions) {
    this.#options = options;
  }

  /** A member has said what it understands, or is one no more; or this node leads from now on. */
  check(): void {
    const leader = this.#options.leader();
    const { version, logger } = this.#options;
    if (leader === undefined || this.#isProposing) return;
    const common = this.#commonVersion(leader);
    if (common <= version.active) return;
    this.#isProposing = true;
    leader
      .command({ $case: "activateVersion", value: { version: common } })
      .then((logIndex) =>
        logger.info({ version: common, logIndex }, "the mesh speaks a later version"),
      )
      // The next leader looks again.
      .catch((error: unknown) => logger.debug({ err: error }, "the version was not activated"))
      .finally(() => (this.#isProposing = false));
  }

  /** The latest that every member understands; one that is not heard of may be of any release. */
  #commonVersion({ workers }: Pick<QueueLeader, "workers">): number {
    const { voters, outgoing, learners } = this.#options.raft.status().membership;
    let common = SPOKEN_VERSION;
    for (const { id } of [...voters, ...outgoing, ...learners]) {
      const worker = workers.get(id);
      const speaks = worker?.connected === true ? worker.hello.speaks : FIRST_VERSION;
      common = Math.min(common, Math.max(FIRST_VERSION, speaks));
    }
    return common;
  }
}
