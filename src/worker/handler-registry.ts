// Which types a node handles, and where each runs. Built once at start and never changed after.
import { BUILTIN_TYPES } from "./builtin-handlers.js";
import type { TaskHandler } from "./handler.js";

/**
 * Where a type runs. In the node's own thread: what is known to hold nothing up. In a thread of its
 * own: what keeps the processor busy. In the handler host: whatever else is the user's.
 */
export type RegisteredType =
  { readonly place: "node"; readonly handler: TaskHandler } | { readonly place: "thread" | "host" };

export interface HandlerRegistry {
  get(type: string): RegisteredType | undefined;
  /** Sorted, as the node announces them to the leader. */
  readonly types: readonly string[];
}

/** The built-in types and the user's; a type of the user's replaces a built-in of the same name. */
export function createHandlerRegistry(
  userTypes: ReadonlyMap<string, RegisteredType> = new Map(),
): HandlerRegistry {
  const builtin = [...BUILTIN_TYPES].map(
    ([type, { handler, thread }]): [string, RegisteredType] => [
      type,
      thread ? { place: "thread" } : { place: "node", handler },
    ],
  );
  const taskTypes = new Map([...builtin, ...userTypes]);
  return {
    get: (type) => taskTypes.get(type),
    types: [...taskTypes.keys()].sort(),
  };
}
