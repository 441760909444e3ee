// What each kind of key of the registry holds, in words for people: `taskmesh redis` shows them.
import { RegistryKeys } from "./keys.js";

/** Every kind of key that the registry has in Redis, what varies in angle brackets. */
export function registryKeyKinds(mesh: string) {
  const keys = new RegistryKeys(mesh);
  return [
    {
      key: keys.node("<id>"),
      type: "string",
      holds: "record of a living node, as JSON; expires unless the node renews it",
    },
    { key: keys.index, type: "set", holds: "ids of the nodes that have, or had, a record" },
    { key: keys.formation, type: "string", holds: "identity of the mesh and who founded it" },
    { key: keys.stateful, type: "set", holds: "ids of the nodes that were seen with Raft state" },
    { key: keys.since, type: "string", holds: "when a mesh was first to be formed here, in ms" },
    { key: keys.channel, type: "channel", holds: "told of nodes that come, change and go" },
  ] as const;
}
