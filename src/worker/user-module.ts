// Loads the module that the config names: `export default { "type": async (task, ctx) => result }`, or
// `{ handler, thread: true }` in place of the function.
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { isPlain, PLAIN_RULE } from "../input/text-rule.js";
import { UserModuleError, type UserModuleErrorCode } from "./errors.js";
import type { TaskHandler, TaskType } from "./handler.js";
import { describeThrown } from "./outcome.js";

/** Longest name of a task type. */
export const MAX_TYPE_NAME_LENGTH = 128;
/** How long the module may take to load, and its default export to settle where it is a promise. */
export const LOAD_MS = 10_000;

/**
 * Loads the user's task types. A default export that is a promise is awaited.
 *
 * @param path of the module; a relative one counts from the working folder, so callers resolve it
 *   against the config file first.
 * @param loadMs how long it may take, milliseconds
 * @throws UserModuleError that says what is wrong with it.
 */
export async function loadUserTypes(
  path: string,
  loadMs = LOAD_MS,
): Promise<ReadonlyMap<string, TaskType>> {
  const file = resolve(path);
  try {
    await access(file);
  } catch (cause) {
    throw new UserModuleError("not_found", file, "there is no such file", { cause });
  }
  return within(loadMs, file, async (at) => {
    const loaded = await importModule(file);
    if (!("default" in loaded)) {
      throw new UserModuleError(
        "no_default_export",
        file,
        "has no default export: write `export default { type: handler }`",
      );
    }
    at("its default export is a promise that has not settled");
    return described(file, async () => typesOf(await loaded.default, file));
  });
}

/** Rejects where `load`, which says how far it has come, takes longer. */
async function within<Loaded>(
  loadMs: number,
  file: string,
  load: (at: (stage: string) => void) => Promise<Loaded>,
): Promise<Loaded> {
  let stage = "it awaits something at its top level that has not settled";
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = `${stage} after ${loadMs} ms: it must load within that time`;
      reject(new UserModuleError("never_settles", file, reason));
    }, loadMs);
  });
  try {
    return await Promise.race([load((now) => (stage = now)), late]);
  } finally {
    clearTimeout(timer);
  }
}

function importModule(file: string): Promise<object> {
  return described(file, async () => (await import(pathToFileURL(file).href)) as object);
}

/** Whatever the module's code throws is told as its failure to load. */
async function described<Loaded>(file: string, load: () => Promise<Loaded>): Promise<Loaded> {
  try {
    return await load();
  } catch (cause) {
    if (isUserModuleError(cause)) throw cause;
    const reason = `failed to load: ${describeThrown(cause)}`;
    throw new UserModuleError("failed_to_load", file, reason, { cause });
  }
}

/** Of what may be anything: to look at its class may throw. */
function isUserModuleError(thrown: unknown): boolean {
  try {
    return thrown instanceof UserModuleError;
  } catch {
    return false;
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
