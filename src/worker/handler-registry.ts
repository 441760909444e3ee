// Which function runs a task type. Built once at start and never changed after.
import { BUILTIN_HANDLERS } from "./builtin-handlers.js";
import type { TaskHandler } from "./handler.js";

export interface HandlerRegistry {
  get(type: string): TaskHandler | undefined;
  /** Sorted, as the node announces them to the leader. */
  readonly types: readonly string[];
}

/** The built-in types and the user's; a type of the user's replaces a built-in of the same name. */
export function createHandlerRegistry(
  userHandlers: ReadonlyMap<string, TaskHandler> = new Map(),
): HandlerRegistry {
  const handlers = new Map([...BUILTIN_HANDLERS, ...userHandlers]);
  return {
    get: (type) => handlers.get(type),
    types: [...handlers.keys()].sort(),
  };
}
