// The leaves of the configuration, read off the schema: path, type, bounds and words of each. The
// environment and the fault messages are built on this one list.
import { z } from "zod";
import { configSchema } from "./schema.js";

/** A value of the configuration that is no section. */
export interface ConfigLeaf {
  readonly path: readonly string[];
  readonly type: "integer" | "number" | "string" | "boolean" | "list";
  readonly description?: string;
  /** What may stand here, in words: "an integer from 1 to 65535". */
  readonly accepts: string;
}

/** The JSON Schema of the config file, as docs/cluster.config.schema.json holds it. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  return {
    title: "taskmesh cluster.config.json",
    ...z.toJSONSchema(configSchema, { io: "input" }),
  };
}

/** Every leaf, in the order of the schema. */
export const configLeaves: readonly ConfigLeaf[] = collect(configJsonSchema(), []);

/** Names of the keys that may stand in the section at `path`; empty if it is none. */
export function keysOf(path: readonly string[]): readonly string[] {
  let node: z.core.JSONSchema._JSONSchema | undefined = configJsonSchema();
  for (const key of path) {
    node = typeof node === "object" ? node.properties?.[key] : undefined;
  }
  return typeof node === "object" ? Object.keys(node.properties ?? {}) : [];
}

function collect(node: z.core.JSONSchema._JSONSchema, path: readonly string[]): ConfigLeaf[] {
  if (typeof node === "boolean") return [];
  if (node.properties !== undefined) {
    return Object.entries(node.properties).flatMap(([key, child]) =>
      key === "$schema" ? [] : collect(child, [...path, key]),
    );
  }
  const leaf = { path, type: leafType(node.type), accepts: acceptsWords(node) };
  return [node.description === undefined ? leaf : { ...leaf, description: node.description }];
}

function leafType(type: z.core.JSONSchema.BaseSchema["type"]): ConfigLeaf["type"] {
  switch (type) {
    case "integer":
    case "number":
    case "boolean":
      return type;
    case "array":
      return "list";
    default:
      return "string";
  }
}

function acceptsWords(node: z.core.JSONSchema.BaseSchema): string {
  const { minimum, maximum } = node;
  const range =
    minimum === undefined || maximum === undefined ? "" : ` from ${minimum} to ${maximum}`;
  switch (leafType(node.type)) {
    case "integer":
      return `an integer${range}`;
    case "number":
      return `a number${range}`;
    case "boolean":
      return "true or false";
    case "list":
      return "a list of names";
    case "string":
      return node.enum === undefined ? "a text that is not empty" : node.enum.join(", ");
  }
}
