// What Node.js is told of the memory of a node or a gateway that it is to run.

/** Half of V8's own choice: an idle process keeps all that it ever took of it, some 20 MB less so. */
const SEMI_SPACE_MB = 8;

/** @param heapMb bound of the JavaScript heap, in MB */
export function heapFlags(heapMb: number): readonly string[] {
  return [`--max-old-space-size=${heapMb}`, `--max-semi-space-size=${SEMI_SPACE_MB}`];
}
