// What can be wrong with a configuration, told so that it can be mended without reading code.

/** One fault: where it stands, what was found, what is wrong and what to do. */
export interface ConfigFault {
  /** `file:line:column key`, or the name of an environment variable. */
  readonly source: string;
  /** The value as it was given; left out where there is none to show. */
  readonly value?: string;
  readonly problem: string;
  readonly remedy: string;
}

/** Thrown by loadConfig when the file or the environment cannot be accepted; it lists every fault. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** What a command prints before it exits: one line for each fault. */
  readonly exitLine: string;

  constructor(readonly faults: readonly ConfigFault[]) {
    const lines = faults.map(faultLine).join("\n");
    super(lines);
    this.exitLine = lines;
  }
}

/** One fault in one line. */
export function faultLine(fault: ConfigFault): string {
  const subject = fault.value === undefined ? fault.source : `${fault.source} = ${fault.value}`;
  return `${subject}: ${fault.problem}; ${fault.remedy}`;
}
