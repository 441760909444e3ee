// Names of the registry's keys in Redis: the one place for them.
import { keyPrefix } from "../redis/key-prefix.js";

/** Key builder of one mesh's registry; all share the hash tag, hence one slot of a Redis Cluster. */
export class RegistryKeys {
  /** SET of the ids that have, or had a moment ago, a record. */
  readonly index: string;
  /** What the key of a node's record starts with; its id follows. */
  readonly nodePrefix: string;
  /** String: who formed the mesh, see formation-record.ts. */
  readonly formation: string;
  /** SET of the ids that have been seen with Raft state. */
  readonly stateful: string;
  /** String: when this registry was first asked to form a mesh, in milliseconds of Redis's clock. */
  readonly since: string;
  /** Pub/sub channel of changes, see notification.ts. */
  readonly channel: string;

  constructor(mesh: string) {
    const prefix = `${keyPrefix(mesh)}registry:`;
    this.index = `${prefix}index`;
    this.nodePrefix = `${prefix}node:`;
    this.formation = `${prefix}formation`;
    this.stateful = `${prefix}stateful`;
    this.since = `${prefix}since`;
    this.channel = `${prefix}changes`;
  }

  /** String with expiry: the record of one node as JSON. */
  node(id: string): string {
    return `${this.nodePrefix}${id}`;
  }
}
