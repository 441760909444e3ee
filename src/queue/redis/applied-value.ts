// What Redis says of how far it reflects the log: scripts/applied.lua writes the same value.

/**
 * In place of an applied index: what Redis holds is of no entry, as a snapshot was not loaded to its
 * end, or a script died half done.
 */
export const NOT_WHOLE = -1;

/** Index and term of the last entry that Redis reflects; both 0 for an empty Redis. */
export interface RedisPosition {
  readonly index: number;
  readonly term: number;
}

export interface AppliedValue extends RedisPosition {
  /** Index of the last entry that changed a task; undefined behind a restored snapshot. */
  readonly lastEvent: number | undefined;
  /** Identity of the mesh whose log it is; undefined where nobody said. */
  readonly meshId: string | undefined;
}

/** The mesh whose queue is kept under some keys. */
export interface QueueOwner {
  readonly meshId: string;
  /** Meshes that it has taken the place of after a disaster: what they left is restored, not believed. */
  readonly supersedes: readonly string[];
}

/** As the scripts take it; see `position.open` in applied.lua. */
export function ownerArgument(owner: QueueOwner | undefined): string {
  return owner === undefined ? "-" : [owner.meshId, ...owner.supersedes].join(" ");
}

/** Whose queue a value is of, as seen by `owner`; nobody's is everybody's. */
export function belonging(
  { meshId }: AppliedValue,
  owner: QueueOwner | undefined,
): "own" | "superseded" | "foreign" {
  if (meshId === undefined || owner === undefined || owner.meshId === meshId) return "own";
  return owner.supersedes.includes(meshId) ? "superseded" : "foreign";
}

const FORM = /^(-?\d+) ?(\d*) ?([\d-]*) ?(.*)$/;

/** @param value as it is stored; null for an empty Redis */
export function parseApplied(value: string | null): AppliedValue {
  if (value === null) return { index: 0, term: 0, lastEvent: undefined, meshId: undefined };
  const [, index, term, last, mesh] = FORM.exec(value) ?? [];
  const known = last === undefined || last === "" || last === "-" ? undefined : Number(last);
  return {
    index: index === undefined ? NOT_WHOLE : Number(index),
    term: Number(term ?? 0),
    lastEvent: known,
    meshId: mesh === undefined || mesh === "" || mesh === "-" ? undefined : mesh,
  };
}
