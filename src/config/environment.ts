// Environment variables that win over the config file. Every leaf has one, TASKMESH_ and its path in
// upper snake case; the most used ones have a short name besides.
import { mayBeGarbled } from "../input/text-rule.js";
import type { ConfigFault } from "./errors.js";
import { configLeaves, type ConfigLeaf } from "./leaves.js";
import { nearest } from "./nearest.js";

/** Environment as process.env gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Value of one leaf as the environment or a flag sets it. */
export interface Override {
  /** Name of the variable or flag, for messages. */
  readonly variable: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

const PREFIX = "TASKMESH_";

// Short names; where both are set, the short one wins.
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["REDIS_URL", "redis.url"],
  ["TASKMESH_GRPC_PORT", "nodes.grpcPort"],
  ["TASKMESH_NODE_ID", "nodes.id"],
  ["TASKMESH_NODES", "nodes.count"],
  ["TASKMESH_DATA", "nodes.dataDir"],
]);

/** TASKMESH_ names that are no part of the configuration. */
export const OTHER_VARIABLES: ReadonlyMap<string, string> = new Map([
  ["TASKMESH_CONFIG", "config file, where --config names none"],
  ["TASKMESH_FIGURES_FILE", "where `npm test` has the figures of its run written"],
  ["TASKMESH_REDIS_SERVER", "redis-server or valkey-server to start where none is on PATH"],
]);

/** The variable of a leaf: `worker.leaseMs` → `TASKMESH_WORKER_LEASE_MS`. */
export function variableOf(path: readonly string[]): string {
  return (
    PREFIX + path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase()).join("_")
  );
}

/** Every variable that sets a leaf; a later one wins over an earlier. */
export function variables(): ReadonlyMap<string, ConfigLeaf> {
  const byPath = new Map(configLeaves.map((leaf) => [leaf.path.join("."), leaf]));
  const result = new Map(configLeaves.map((leaf) => [variableOf(leaf.path), leaf]));
  for (const [variable, path] of SHORT_NAMES) {
    const leaf = byPath.get(path);
    if (leaf === undefined) throw new Error(`${variable} names no leaf of the configuration`);
    result.set(variable, leaf);
  }
  return result;
}

/** Reads the overrides; an empty variable counts as not set. Unknown TASKMESH_ names are faults. */
export function readEnvironment(env: Environment): {
  overrides: Override[];
  faults: ConfigFault[];
} {
  const known = variables();
  const overrides: Override[] = [];
  const garbled: ConfigFault[] = [];
  for (const [variable, leaf] of known) {
    const text = env[variable];
    if (text === undefined || text === "") continue;
    if (mayBeGarbled(text)) {
      garbled.push({ source: variable, problem: "is not in UTF-8", remedy: "set it in UTF-8" });
    }
    overrides.push({ variable, path: leaf.path, value: valueOf(leaf, text) });
  }
  const names = [...known.keys(), ...OTHER_VARIABLES.keys()];
  const faults = Object.keys(env)
    .filter((variable) => variable.startsWith(PREFIX) && !names.includes(variable))
    .map((variable): ConfigFault => {
      const meant = nearest(variable, names);
      return {
        source: variable,
        problem: "no such variable is known",
        remedy:
          meant === undefined ? "unset it (README lists the names)" : `did you mean ${meant}?`,
      };
    });
  return { overrides, faults: [...garbled, ...faults] };
}

// A text that is not of the leaf's type is passed on as it is: the schema then refuses it by name.
function valueOf(leaf: ConfigLeaf, text: string): unknown {
  switch (leaf.type) {
    case "integer":
    case "number":
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case "boolean":
      return text === "true" || text === "1"
        ? true
        : text === "false" || text === "0"
          ? false
          : text;
    case "list":
      return text
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");
    case "string":
      return text;
  }
}
