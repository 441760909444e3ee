// What the names of a mesh's keys in Redis have in common: the one place for it.

/** What every key and channel of a mesh starts with. The hash tag puts all into one slot of a Redis Cluster. */
export function keyPrefix(mesh: string): string {
  return `{tm:${mesh}}:`;
}
