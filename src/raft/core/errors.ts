// Broken promises of the code. What the network, a disk or a peer may do is never one of them.

/**
 * Thrown where something happened that cannot happen in a correct cluster: a bug here, in the layer
 * that drives the core, or lost acknowledged data. The node must stop; it is not to be caught and
 * carried on from.
 */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** Throws an {@link InvariantViolation} unless `condition` holds; stays on in production. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantViolation(what);
}
