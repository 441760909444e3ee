// The logger of a process: pretty for a person at a terminal, JSON lines for everything else.
import { isatty } from "node:tty";
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";
import { PinoPretty } from "pino-pretty";
import type { Config } from "../config/schema.js";
import type { LogField } from "./fields.js";

export type { Logger } from "pino";

const STDOUT = 1;

export interface LoggerOptions {
  readonly log: Config["log"];
  /** Fields of every line, named by `logField`. */
  readonly fields?: Readonly<Partial<Record<LogField, string | number>>>;
  /** Default: standard output. */
  readonly stream?: DestinationStream;
}

/** Whether lines go out pretty: "auto" means a terminal. */
export function isPretty(format: Config["log"]["format"]): boolean {
  return format === "pretty" || (format === "auto" && isatty(STDOUT));
}

/**
 * A logger on standard output. It writes synchronously: the last lines of a process that dies are
 * those that are needed most.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, format } = options.log;
  const settings = {
    level,
    base: options.fields ?? {},
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const stream = options.stream ?? destination({ dest: STDOUT, sync: true });
  if (!isPretty(format)) return pino(settings, stream);
  const pretty = PinoPretty({
    colorize: process.env["NO_COLOR"] === undefined || process.env["NO_COLOR"] === "",
    destination: stream,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
    sync: true,
  });
  return pino(settings, pretty);
}
