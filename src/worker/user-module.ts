// Loads the module that the config names: `export default { "type": async (task, ctx) => result }`, or
// `{ handler, thread: true }` in place of the function.
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { isPlain, PLAIN_RULE } from "../input/text-rule.js";
import { UserModuleError, type UserModuleErrorCode } from "./errors.js";
import type { TaskHandler, TaskType } from "./handler.js";

/** Longest name of a task type. */
export const MAX_TYPE_NAME_LENGTH = 128;

/**
 * Loads the user's task types.
 *
 * @param path of the module; a relative one counts from the working folder, so callers resolve it
 *   against the config file first.
 * @throws UserModuleError that says what is wrong with it.
 */
export async function loadUserTypes(path: string): Promise<ReadonlyMap<string, TaskType>> {
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
  return typesOf(loaded.default, file);
}

async function importModule(file: string): Promise<object> {
  try {
    return (await import(pathToFileURL(file).href)) as object;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserModuleError("failed_to_load", file, `failed to load: ${reason}`, { cause });
  }
}

function typesOf(exported: unknown, file: string): ReadonlyMap<string, TaskType> {
  if (typeof exported !== "object" || exported === null || Array.isArray(exported)) {
    throw new UserModuleError(
      "not_an_object",
      file,
      "its default export must be an object of task types and their handlers",
    );
  }
  const types = new Map<string, TaskType>();
  for (const [type, value] of Object.entries(exported) as [string, unknown][]) {
    if (type.length === 0 || type.length > MAX_TYPE_NAME_LENGTH) {
      throw new UserModuleError(
        "bad_type_name",
        file,
        `a type's name must have 1 to ${MAX_TYPE_NAME_LENGTH} characters: ${JSON.stringify(type.slice(0, MAX_TYPE_NAME_LENGTH))}`,
        { type },
      );
    }
    if (!isPlain(type)) {
      const message = `the name of a type ${PLAIN_RULE}: ${JSON.stringify(type)}`;
      throw new UserModuleError("bad_type_name", file, message, { type });
    }
    types.set(type, typeOf(type, value, file));
  }
  return types;
}

function typeOf(type: string, value: unknown, file: string): TaskType {
  if (typeof value === "function") return { handler: value as TaskHandler, thread: false };
  const refuse = (code: UserModuleErrorCode, what: string): UserModuleError =>
    new UserModuleError(code, file, `type ${JSON.stringify(type)}: ${what}`, { type });
  if (typeof value !== "object" || value === null) {
    const given = value === null ? "null" : typeof value;
    throw refuse("not_a_function", `must be a function or {handler, thread}, not ${given}`);
  }
  const { handler, thread = false, ...others } = value as Record<string, unknown>;
  if (typeof handler !== "function") {
    throw refuse("not_a_function", `handler must be a function, not ${typeof handler}`);
  }
  if (typeof thread !== "boolean") {
    throw refuse("bad_option", `thread must be true or false, not ${typeof thread}`);
  }
  const [unknownOption] = Object.keys(others);
  if (unknownOption !== undefined) {
    throw refuse("bad_option", `${JSON.stringify(unknownOption)} is unknown: give handler, thread`);
  }
  return { handler: handler as TaskHandler, thread };
}
