// Turns what the schema refuses into faults that name the source, the value and the remedy.
import type { z } from "zod";
import type { ConfigFault } from "./errors.js";
import { configLeaves, keysOf } from "./leaves.js";
import { nearest } from "./nearest.js";

/** Names the place of the value at `path`: a file position or an environment variable. */
export type SourceOf = (path: readonly string[]) => string;

/** The faults of one issue of the schema; unknown keys make one each. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  input: unknown,
  sourceOf: SourceOf,
): ConfigFault[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey([...path, key], keysOf(path), sourceOf));
  }
  return [
    {
      source: sourceOf(path),
      value: shown(path, valueAt(input, path)),
      problem: problemOf(issue),
      remedy: remedyOf(path),
    },
  ];
}

function unknownKey(
  path: readonly string[],
  known: readonly string[],
  sourceOf: SourceOf,
): ConfigFault {
  const meant = nearest(path.at(-1) ?? "", known);
  return {
    source: sourceOf(path),
    problem: "unknown key",
    remedy: meant === undefined ? `known here: ${known.join(", ")}` : `did you mean "${meant}"?`,
  };
}

function problemOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.expected === "int" ? "is no integer" : `is no ${issue.expected}`;
    case "too_small":
      return issue.origin === "string" ? "is empty" : `is under ${String(issue.minimum)}`;
    case "too_big":
      return `is over ${String(issue.maximum)}`;
    case "invalid_value":
      return "is none of the known values";
    default:
      return issue.message;
  }
}

function remedyOf(path: readonly string[]): string {
  const key = path.filter((part) => !/^\d+$/.test(part)).join(".");
  const leaf = configLeaves.find((candidate) => candidate.path.join(".") === key);
  if (leaf === undefined) return `give an object with the keys ${keysOf(path).join(", ")}`;
  const words = leaf.description === undefined ? "" : ` (${leaf.description.replace(/\.$/, "")})`;
  return `give ${leaf.accepts}${words}`;
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const key of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  }
  return value;
}

const SHOWN_LENGTH = 60;

const SECRET = /password|secret|token/i;

function isSecret(path: readonly string[]): boolean {
  return path.some((key) => SECRET.test(key));
}

/** A value as it may reach a terminal or a log: without passwords, in a URL or by themselves. */
export function shownValue(path: readonly string[], value: unknown): unknown {
  if (value === undefined) return undefined;
  if (isSecret(path) && typeof value !== "boolean") {
    return Array.isArray(value) ? value.map(() => "***") : "***";
  }
  return path.at(-1) === "url" && typeof value === "string" ? maskPassword(value) : value;
}

function shown(path: readonly string[], value: unknown): string {
  if (isSecret(path)) return "***";
  const masked = value === undefined ? "nothing" : JSON.stringify(shownValue(path, value));
  return masked.length > SHOWN_LENGTH ? `${masked.slice(0, SHOWN_LENGTH)}…` : masked;
}

/** Hides the password of a URL: `redis://user:***@host`. */
export function maskPassword(url: string): string {
  return url.replace(/(\/\/[^:@/]*):[^@]*@/, "$1:***@");
}
