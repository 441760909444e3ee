// What can be wrong with a module of the user's task types.

export type UserModuleErrorCode =
  /** No file at that path. */
  | "not_found"
  /** It was still loading, or its default export was a promise that had not settled, after 10 s. */
  | "never_settles"
  /** It threw, or did not parse, while it was loaded. */
  | "failed_to_load"
  | "no_default_export"
  /** The default export is no object of type names to handlers. */
  | "not_an_object"
  /** The value of one type is, and has, no function; `type` names it. */
  | "not_a_function"
  /** What is said of one type beside its handler is wrong; `type` names it. */
  | "bad_option"
  /** A type's name is empty or too long; `type` names it. */
  | "bad_type_name";

/** Thrown when the module named in the config cannot be used; the node does not start. */
export class UserModuleError extends Error {
  override readonly name = "UserModuleError";

  constructor(
    readonly code: UserModuleErrorCode,
    readonly path: string,
    /** What is wrong, without its path. */
    readonly reason: string,
    options: { readonly type?: string; readonly cause?: unknown } = {},
  ) {
    super(
      `${path}, named by worker.handlers: ${reason}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.type = options.type;
  }

  readonly type: string | undefined;
}
