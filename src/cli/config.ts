// `taskmesh config`: the configuration that the commands run with, checked, or shown with where each
// value comes from.
import { Command } from "commander";
import { configLeaves } from "../config/leaves.js";
import type { LoadedConfig, ValueSource } from "../config/load.js";
import { shownValue } from "../config/explain.js";
import { baseCommand, type CommonOptions, configOf } from "./context.js";
import { paint, print, printJson } from "./output.js";
import { table } from "./table.js";

interface ConfigOptions extends CommonOptions {
  readonly json?: boolean;
  readonly set?: boolean;
}

/** The command `config`; its options follow the name of what is to be done. */
export function configCommand(): Command {
  return new Command("config")
    .description("check the configuration, or show it with where each value comes from")
    .addCommand(
      baseCommand("check", "check config file and environment; every fault gets a line")
        .option("--json", "print what was checked as JSON")
        .action(check),
    )
    .addCommand(
      baseCommand("show", "show every value in force and where it comes from, without passwords")
        .option("--json", "print them as JSON")
        .option("--set", "only what file or environment set")
        .action(show),
    );
}

// Faults are thrown by the reading itself, and told like those of every command.
function check(options: ConfigOptions): void {
  const { file } = configOf(options);
  if (options.json === true) printJson({ valid: true, file: file ?? null });
  else print(`${paint("green", "valid")}: ${placeOf(file)} and the environment`);
}

function show(options: ConfigOptions): void {
  const loaded = configOf(options);
  const values = configLeaves
    .map(({ path }) => valueOf(loaded, path))
    .filter(({ source }) => options.set !== true || source.kind !== "default");
  if (options.json === true) {
    const shown = values.map(({ key, value, source }) => [key, { value, ...source }] as const);
    printJson({ file: loaded.file ?? null, values: Object.fromEntries(shown) });
    return;
  }
  print(paint("dim", placeOf(loaded.file)));
  const rows = values.map(({ key, value, source }) => [
    key,
    value === null ? "" : JSON.stringify(value),
    source.kind === "default" ? paint("dim", "default") : sourceText(source),
  ]);
  for (const line of table(["KEY", { title: "VALUE", min: 16 }, "SOURCE"], rows)) print(line);
}

interface ShownValue {
  readonly key: string;
  /** Null for a value that is not set and has no default. */
  readonly value: unknown;
  readonly source: ValueSource;
}

function valueOf({ config, sourceOf }: LoadedConfig, path: readonly string[]): ShownValue {
  let value: unknown = config;
  for (const key of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  }
  return { key: path.join("."), value: shownValue(path, value) ?? null, source: sourceOf(path) };
}

function sourceText({ kind, place }: ValueSource): string {
  return place === undefined ? kind : place;
}

function placeOf(file: string | undefined): string {
  return file ?? "no config file: defaults";
}
