// Loads the module that the config names: `export default { "type": async (task, ctx) => result }`.
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { UserModuleError } from "./errors.js";
import type { TaskHandler } from "./handler.js";

/** Longest name of a task type. */
export const MAX_TYPE_NAME_LENGTH = 128;

/**
 * Loads the user's task types.
 *
 * @param path of the module; a relative one counts from the working folder, so callers resolve it
 *   against the config file first.
 * @throws UserModuleError that says what is wrong with it.
 */
export async function loadUserHandlers(path: string): Promise<ReadonlyMap<string, TaskHandler>> {
  const file = resolve(path);
  try {
    await access(file);
  } catch (cause) {
    throw new UserModuleError("not_found", file, "there is no such file", { cause });
  }
  const loaded = await importModule(file);
  if (!("default" in loaded)) {
    throw new UserModuleError(
      "no_default_export",
      file,
      "has no default export: write `export default { type: handler }`",
    );
  }
  return handlersOf(loaded.default, file);
}

async function importModule(file: string): Promise<object> {
  try {
    return (await import(pathToFileURL(file).href)) as object;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserModuleError("failed_to_load", file, `failed to load: ${reason}`, { cause });
  }
}

function handlersOf(exported: unknown, file: string): ReadonlyMap<string, TaskHandler> {
  if (typeof exported !== "object" || exported === null || Array.isArray(exported)) {
    throw new UserModuleError(
      "not_an_object",
      file,
      "its default export must be an object of task types and their handlers",
    );
  }
  const handlers = new Map<string, TaskHandler>();
  for (const [type, value] of Object.entries(exported) as [string, unknown][]) {
    if (type.length === 0 || type.length > MAX_TYPE_NAME_LENGTH) {
      throw new UserModuleError(
        "bad_type_name",
        file,
        `a type's name must have 1 to ${MAX_TYPE_NAME_LENGTH} characters: ${JSON.stringify(type.slice(0, MAX_TYPE_NAME_LENGTH))}`,
        { type },
      );
    }
    if (typeof value !== "function") {
      throw new UserModuleError(
        "not_a_function",
        file,
        `the handler of type ${JSON.stringify(type)} must be a function, not ${typeof value}`,
        { type },
      );
    }
    handlers.set(type, value as TaskHandler);
  }
  return handlers;
}
