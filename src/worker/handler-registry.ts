// Which function runs a task type, and where. Built once at start and never changed after.
import { BUILTIN_TYPES } from "./builtin-handlers.js";
import type { TaskType } from "./handler.js";

export interface HandlerRegistry {
  get(type: string): TaskType | undefined;
  /** Sorted, as the node announces them to the leader. */
  readonly types: readonly string[];
}

/** The built-in types and the user's; a type of the user's replaces a built-in of the same name. */
export function createHandlerRegistry(
  userTypes: ReadonlyMap<string, TaskType> = new Map(),
): HandlerRegistry {
  const taskTypes = new Map([...BUILTIN_TYPES, ...userTypes]);
  return {
    get: (type) => taskTypes.get(type),
    types: [...taskTypes.keys()].sort(),
  };
}
