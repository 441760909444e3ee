// Reads the configuration that a process runs with: file, then environment, then defaults, checked
// as a whole. Every fault is reported at once.
import { isUtf8 } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Environment, type Override, readEnvironment } from "./environment.js";
import { ConfigError } from "./errors.js";
import { explainIssue } from "./explain.js";
import { JsonSyntaxError, parseJson, type Position } from "./json-source.js";
import { type Config, configSchema } from "./schema.js";

/** Name of the config file. */
export const CONFIG_FILE = "cluster.config.json";

export interface LoadOptions {
  /** File to read; it must exist. Default: TASKMESH_CONFIG, else the first found. */
  readonly file?: string | undefined;
  /** Default: process.env. */
  readonly env?: Environment;
  /** Default: process.cwd(). */
  readonly cwd?: string;
  /** Settings of the command line; they win over the environment. Default: none. */
  readonly flags?: readonly Override[];
  /** Folder of the package, where a file is looked for last. Default: this package's. */
  readonly packageRoot?: string;
}

export interface LoadedConfig {
  /** `nodes.dataDir` and `worker.handlers` are absolute. */
  readonly config: Config;
  /** The file that was read; undefined where none was found and defaults hold. */
  readonly file: string | undefined;
  /** Where the value of a leaf comes from. */
  readonly sourceOf: (path: readonly string[]) => ValueSource;
}

export interface ValueSource {
  readonly kind: "default" | "file" | "environment" | "flag";
  /** `file:line:column`, or the name of the variable or flag; undefined for a default. */
  readonly place?: string;
}

interface FileContent {
  readonly file: string | undefined;
  readonly value: unknown;
  readonly positions: ReadonlyMap<string, Position>;
}

/**
 * Reads the configuration. The file is `file`, else TASKMESH_CONFIG, else cluster.config.json in the
 * working folder, else in the package's folder. Relative paths in it are relative to the file; those
 * in the environment or in flags, and the default without a file, are relative to the working folder.
 * @throws ConfigError with every fault of file and environment.
 */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const env = options.env ?? process.env;
  const cwd = options.cwd ?? process.cwd();
  const content = readFile(findFile(options, env, cwd));
  const { overrides: variables, faults } = readEnvironment(env);
  const overrides = [...variables, ...(options.flags ?? [])];
  const merged = overrides.reduce(withOverride, content.value);
  const parsed = configSchema.safeParse(merged);
  const sourceOf = sources(content, overrides, cwd);
  const refused = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) => explainIssue(issue, merged, sourceOf));
  if (!parsed.success || faults.length > 0) throw new ConfigError([...refused, ...faults]);
  return {
    config: withAbsolutePaths(parsed.data, content, overrides, cwd),
    file: content.file,
    sourceOf: valueSources(content, overrides, cwd),
  };
}

function findFile(options: LoadOptions, env: Environment, cwd: string): string | undefined {
  const named =
    options.file ?? (env["TASKMESH_CONFIG"] === "" ? undefined : env["TASKMESH_CONFIG"]);
  if (named !== undefined) return path.resolve(cwd, named);
  const root = options.packageRoot ?? fileURLToPath(new URL("../..", import.meta.url));
  return [cwd, root]
    .map((folder) => path.join(folder, CONFIG_FILE))
    .find((file) => existsSync(file));
}

function readFile(file: string | undefined): FileContent {
  if (file === undefined) return { file, value: {}, positions: new Map() };
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new ConfigError([
      {
        source: file,
        problem: reason === "ENOENT" ? "no such file" : `cannot be read (${reason})`,
        remedy: "name an existing file with --config",
      },
    ]);
  }
  if (!isUtf8(bytes)) {
    throw new ConfigError([
      { source: file, problem: "is not in UTF-8", remedy: "save it in UTF-8" },
    ]);
  }
  try {
    return { file, ...parseJson(bytes.toString("utf8")) };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ConfigError([
      {
        source: `${file}:${error.position.line}:${error.position.column}`,
        problem: `malformed JSON: ${error.message}`,
        remedy: "mend it there",
      },
    ]);
  }
}

// Sets one leaf in a copy; what is no object is left for the schema to refuse.
function withOverride(input: unknown, override: Override): unknown {
  return setAt(input, override.path, override.value);
}

function setAt(input: unknown, keys: readonly string[], value: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (input !== undefined && (typeof input !== "object" || input === null)) return input;
  const child: unknown = input === undefined ? undefined : Reflect.get(input, key);
  return { ...input, [key]: setAt(child, rest, value) };
}

function sources(content: FileContent, overrides: readonly Override[], cwd: string) {
  return (keys: readonly string[]): string => {
    const override = overrideOf(keys, overrides);
    if (override !== undefined) return override.variable;
    const key = keys.join(".");
    if (content.file === undefined) return key;
    const file = fromHere(content.file, cwd);
    return `${placeInFile(file, content.positions.get(key))} ${key}`.trimEnd();
  };
}

function valueSources(content: FileContent, overrides: readonly Override[], cwd: string) {
  return (keys: readonly string[]): ValueSource => {
    const override = overrideOf(keys, overrides);
    if (override !== undefined) {
      const { variable } = override;
      return { kind: variable.startsWith("--") ? "flag" : "environment", place: variable };
    }
    const position = content.positions.get(keys.join("."));
    if (content.file === undefined || position === undefined) return { kind: "default" };
    return { kind: "file", place: placeInFile(fromHere(content.file, cwd), position) };
  };
}

function overrideOf(keys: readonly string[], overrides: readonly Override[]): Override | undefined {
  return overrides.findLast((candidate) =>
    candidate.path.every((key, index) => keys[index] === key),
  );
}

function fromHere(file: string, cwd: string): string {
  const place = path.relative(cwd, file);
  return place.startsWith("..") ? file : place;
}

function placeInFile(file: string, position: Position | undefined): string {
  return position === undefined ? file : `${file}:${position.line}:${position.column}`;
}

function withAbsolutePaths(
  config: Config,
  content: FileContent,
  overrides: readonly Override[],
  cwd: string,
): Config {
  const fileFolder = content.file === undefined ? cwd : path.dirname(content.file);
  const absolute = (key: string, value: string): string => {
    const fromEnvironment = overrides.some((override) => override.path.join(".") === key);
    return path.resolve(fromEnvironment ? cwd : fileFolder, value);
  };
  const { handlers } = config.worker;
  return {
    ...config,
    nodes: { ...config.nodes, dataDir: absolute("nodes.dataDir", config.nodes.dataDir) },
    worker:
      handlers === undefined
        ? config.worker
        : { ...config.worker, handlers: absolute("worker.handlers", handlers) },
  };
}
