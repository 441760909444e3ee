// The command line: which commands there are, and how every one of them ends.
import { Command, CommanderError } from "commander";
import { readFileSync } from "node:fs";
import { callCommand } from "./call.js";
import { backupCommand } from "./backup.js";
import { cancelCommand } from "./cancel.js";
import { configCommand } from "./config.js";
import { deadLettersCommand } from "./dead-letters.js";
import { redisCommand } from "./redis.js";
import { retryCommand } from "./retry.js";
import { transferCommand } from "./transfer.js";
import { benchCommand } from "./bench.js";
import { chaosCommand } from "./chaos.js";
import { describeError, exitCode, exitCodeOf, ExitError } from "./exit.js";
import { mayBeGarbled } from "../input/text-rule.js";
import { drainCommand } from "./drain.js";
import { eventsCommand } from "./events.js";
import { gatewayCommand } from "./gateway.js";
import { logsCommand } from "./logs.js";
import { nodeCommand } from "./node.js";
import { printError } from "./output.js";
import { recoverCommand } from "./recover.js";
import { scenarioCommand } from "./scenario/command.js";
import { queueCommand, queuesCommand } from "./queues.js";
import { scheduleCommand, schedulesCommand } from "./schedules.js";
import { statusCommand } from "./status.js";
import { submitCommand } from "./submit.js";
import { taskCommand } from "./task.js";
import { tasksCommand } from "./tasks.js";
import { upCommand } from "./up.js";
import { verifyCommand } from "./verify.js";
import { whyCommand } from "./why.js";
import { workersCommand } from "./workers.js";

/** Runs the command that `args` name and sets the exit code of the process. */
export async function run(args: readonly string[]): Promise<void> {
  // A reader that has seen enough, such as `head`, is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCode.ok);
    throw error;
  });
  try {
    requireText(args);
    await program().parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = endOfParsing(error);
      return;
    }
    printError(describeError(error, args.includes("--verbose")));
    process.exitCode = exitCodeOf(error);
  }
}

/** The runtime has put U+FFFD for bytes that are no UTF-8: two names would have become one. */
function requireText(args: readonly string[]): void {
  const garbled = args.find(mayBeGarbled);
  if (garbled === undefined) return;
  throw new ExitError(`the argument ${garbled} is not in UTF-8: give it in UTF-8`, exitCode.usage);
}

function program(): Command {
  const root = new Command("taskmesh")
    .description("A task queue whose workers form a peer-to-peer mesh.")
    .version(version(), "-V, --version");
  const commands = [
    upCommand(),
    nodeCommand(),
    gatewayCommand(),
    submitCommand(),
    tasksCommand(),
    taskCommand(),
    cancelCommand(),
    retryCommand(),
    deadLettersCommand(),
    whyCommand(),
    logsCommand(),
    eventsCommand(),
    queuesCommand(),
    queueCommand(),
    schedulesCommand(),
    scheduleCommand(),
    workersCommand(),
    drainCommand(),
    transferCommand(),
    statusCommand(),
    verifyCommand(),
    backupCommand(),
    recoverCommand(),
    configCommand(),
    redisCommand(),
    callCommand(),
    chaosCommand(),
    scenarioCommand(),
    benchCommand(),
  ];
  for (const command of commands) root.addCommand(command);
  quieten(root);
  return root;
}

// What commander would print is printed once, below, in one line.
function quieten(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  for (const below of command.commands) quieten(below);
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const description: unknown = JSON.parse(text);
  return typeof description === "object" && description !== null && "version" in description
    ? String(description.version)
    : "unknown";
}

function endOfParsing(error: CommanderError): number {
  if (error.exitCode === 0) return exitCode.ok;
  // "(outputHelp)": called without a command; the help is out already.
  if (error.code !== "commander.help") {
    const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    printError(`taskmesh: ${message}; --help shows what there is`);
  }
  return exitCode.usage;
}
