// What a deliberate bug is: one piece of the core's text, replaced by another.

export interface Mutation {
  readonly file: string;
  /** The bug, as one would tell it. */
  readonly bug: string;
  readonly replace: string;
  readonly by: string;
}

export const mutation = (file: string, bug: string, replace: string, by: string): Mutation => ({
  file: `src/raft/core/${file}`,
  bug,
  replace,
  by,
});
