// What every command needs: its options read in one way, its configuration, its gateway.
import { Command } from "commander";
import { parseDateTime } from "../input/date-time.js";
import type { Override } from "../config/environment.js";
import { type LoadedConfig, loadConfig } from "../config/load.js";
import { ExitError, exitCode } from "./exit.js";
import { type GatewayClient, gatewayClient } from "./gateway-client.js";
import { gatewayUrl } from "./places.js";

/** Options that every command has. */
export interface CommonOptions {
  readonly config?: string;
  readonly verbose?: boolean;
}

/** Options of the commands that talk to a gateway. */
export interface ClientOptions extends CommonOptions {
  readonly url?: string;
  readonly json?: boolean;
}

/** A command with the options that all have. */
export function baseCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--config <file>", "config file (default: cluster.config.json, here or in the package)")
    .option("--verbose", "show the stack of an unexpected error");
}

/** A command that talks to a gateway. */
export function clientCommand(name: string, description: string): Command {
  return baseCommand(name, description)
    .option("--url <url>", "address of the gateway (default: from the config)")
    .option("--json", "print the answer as JSON");
}

/** Reads the configuration; `flags` win over environment and file. */
export function configOf(options: CommonOptions, flags: readonly Override[] = []): LoadedConfig {
  return loadConfig({ file: options.config, flags });
}

/** The gateway that the options, else the configuration, name. */
export function gatewayOf(options: ClientOptions): GatewayClient {
  return gatewayClient(options.url ?? gatewayUrl(configOf(options).config));
}

/** Parses an option that is a whole number from `min` to `max`. */
export function integer(flag: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new ExitError(`${flag} ${text}: give an integer from ${min} to ${max}`, exitCode.usage);
  };
}

const UNIT_MS: Readonly<Record<string, number>> = {
  "": 1,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Parses an option that is a time: `250`, `250ms`, `10s`, `5m`, `1h`; in milliseconds. */
export function duration(flag: string): (text: string) => number {
  return (text) => {
    const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
    const factor = UNIT_MS[unit];
    if (amount !== undefined && factor !== undefined) return Math.round(Number(amount) * factor);
    throw new ExitError(
      `${flag} ${text}: give a time such as 500ms, 10s, 5m or 1h`,
      exitCode.usage,
    );
  };
}

/** Checks an option that is a date: `2030-01-31T12:00:00Z`; the text itself. */
export function dateTime(flag: string): (text: string) => string {
  return (text) => {
    const parsed = parseDateTime(text);
    if (parsed.kind === "time") return text;
    throw new ExitError(`${flag} ${text}: it ${parsed.reason}`, exitCode.usage);
  };
}
