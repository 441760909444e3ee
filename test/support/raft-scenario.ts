// Runs a scenario file: commands, each followed by "----" and what it is expected to print, in the
// manner of etcd's data-driven tests. `UPDATE_SCENARIOS=1` writes down what is printed instead; read
// it before you keep it.
import { readFileSync, writeFileSync } from "node:fs";
import { runCommand } from "./raft-scenario-commands.js";
import { ScenarioCluster } from "./raft-scenario-cluster.js";

interface Block {
  /** Comments and blank lines before the command. */
  readonly preamble: readonly string[];
  readonly command: string;
  readonly expected: readonly string[];
}

const SEPARATOR = "----";

export interface ScenarioOutcome {
  readonly expected: string;
  readonly actual: string;
}

/** Both are the whole file, so that a difference shows in its place in the story. */
export function runScenario(path: string): ScenarioOutcome {
  const expected = readFileSync(path, "utf8");
  const cluster = new ScenarioCluster();
  const blocks = parse(expected).map((block) => ({
    ...block,
    expected: block.command === "" ? [] : runBlock(cluster, block.command),
  }));
  const actual = format(blocks);
  if (process.env["UPDATE_SCENARIOS"] === "1") {
    writeFileSync(path, actual);
    return { expected: actual, actual };
  }
  return { expected, actual };
}

function runBlock(cluster: ScenarioCluster, command: string): readonly string[] {
  try {
    runCommand(cluster, command);
  } catch (error) {
    cluster.say(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
  const trace = cluster.takeTrace();
  return trace.length > 0 ? trace : ["ok"];
}

function parse(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let preamble: string[] = [];
  let command = "";
  let expected: string[] | undefined;
  const finish = () => {
    if (command !== "" || preamble.length > 0) {
      blocks.push({ preamble, command, expected: expected ?? [] });
    }
    preamble = [];
    command = "";
    expected = undefined;
  };
  for (const line of text.trimEnd().split("\n")) {
    if (expected !== undefined && line !== "") expected.push(line);
    else if (line === SEPARATOR) expected = [];
    else if (line === "" || line.startsWith("#")) {
      if (command !== "") finish();
      if (line !== "" || preamble.length > 0) preamble.push(line);
    } else {
      if (command !== "") finish();
      command = line;
    }
  }
  finish();
  return blocks;
}

function format(blocks: readonly Block[]): string {
  const text = blocks.map(({ preamble, command, expected }) =>
    [...preamble, ...(command === "" ? [] : [command, SEPARATOR, ...expected])].join("\n"),
  );
  return `${text.join("\n\n")}\n`;
}
