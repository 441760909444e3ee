// What Node.js is told when it is to run a node of the mesh.
import type { Config } from "../config/schema.js";

/** Half of V8's own choice: an idle node keeps all that it ever took of it, some 20 MB less so. */
const SEMI_SPACE_MB = 8;

export function nodeFlags({ nodes }: Pick<Config, "nodes">): readonly string[] {
  return [`--max-old-space-size=${nodes.heapMb}`, `--max-semi-space-size=${SEMI_SPACE_MB}`];
}
