// `taskmesh scenario …`: experiments that anyone can make, each on a mesh of its own.
import { Command } from "commander";
import { duration, integer } from "../context.js";
import { ExitError, exitCode } from "../exit.js";
import type { Scenario, Sizes } from "./scenario.js";

interface Listed {
  readonly name: string;
  readonly description: string;
  /** What the user may choose, with its default. */
  readonly sizes: Partial<Sizes>;
  /** Loaded when it is played: the other commands need none of it. */
  readonly load: () => Promise<Scenario>;
}

const SCENARIOS: readonly Listed[] = [
  {
    name: "kill-worker",
    description: "three nodes, 20 tasks, one node is killed: the others run its tasks",
    sizes: { tasks: 20, taskMs: 1_000 },
    load: async () => (await import("./kill-worker.js")).killWorker,
  },
  {
    name: "scale-up",
    description: "two nodes, 100 tasks, three more nodes join: throughput rises",
    sizes: { tasks: 100, taskMs: 1_000 },
    load: async () => (await import("./scale-up.js")).scaleUp,
  },
  {
    name: "priority",
    description: "a backlog of normal tasks, then high ones: they overtake, each kind in its order",
    sizes: { tasks: 40, taskMs: 200 },
    load: async () => (await import("./priority.js")).priority,
  },
  {
    name: "partition",
    description:
      "the leader is cut off: the majority goes on, it refuses, and the heal loses nothing",
    sizes: { forMs: 10_000 },
    load: async () => (await import("./partition.js")).partition,
  },
  {
    name: "rolling-restart",
    description: "every node is restarted, one after the other, under load: nobody notices",
    sizes: { taskMs: 20, rate: 300, rounds: 1 },
    load: async () => (await import("./rolling-restart.js")).rollingRestart,
  },
  {
    name: "redis-outage",
    description: "Redis is killed and stays away: tasks are accepted and run all the same",
    sizes: { forMs: 10_000, rate: 20 },
    load: async () => (await import("./redis-outage.js")).redisOutage,
  },
];

const NO_SIZES: Sizes = { tasks: 0, taskMs: 0, forMs: 0, rate: 0, rounds: 0 };
const MAX_TASKS = 10_000;
const MAX_TASK_MS = 60_000;
const MAX_RATE = 1_000;
const MAX_ROUNDS = 100;

interface ScenarioOptions extends Partial<Sizes> {
  readonly json?: boolean;
  readonly keep?: boolean;
}

/** The command `scenario` with a command for each scenario. */
export function scenarioCommand(): Command {
  const names = SCENARIOS.map(({ name }) => name).join(", ");
  const parent = new Command("scenario")
    .description("play an experiment on a mesh of its own, and say whether the promise held")
    .argument("[name]", names)
    .action((name: string | undefined) => {
      const problem = name === undefined ? "no scenario is named" : `there is no scenario ${name}`;
      throw new ExitError(`${problem}: give one of ${names}`, exitCode.usage);
    });
  for (const scenario of SCENARIOS) parent.addCommand(commandOf(scenario));
  return parent;
}

function commandOf({ name, description, sizes, load }: Listed): Command {
  const command = new Command(name)
    .description(description)
    .option("--json", "print the figures as one JSON object; the story goes to standard error")
    .option("--keep", "keep the folder with the logs of the mesh")
    .option("--verbose", "show the stack of an unexpected error");
  if (sizes.tasks !== undefined) {
    const parse = integer("--tasks", 1, MAX_TASKS);
    command.option("--tasks <count>", `tasks (default: ${sizes.tasks})`, parse);
  }
  if (sizes.taskMs !== undefined) {
    const parse = integer("--task-ms", 1, MAX_TASK_MS);
    command.option("--task-ms <ms>", `how long one takes (default: ${sizes.taskMs})`, parse);
  }
  if (sizes.rate !== undefined) {
    const parse = integer("--rate", 1, MAX_RATE);
    command.option("--rate <tasks>", `submitted in a second (default: ${sizes.rate})`, parse);
  }
  if (sizes.rounds !== undefined) {
    const parse = integer("--rounds", 1, MAX_ROUNDS);
    command.option(
      "--rounds <count>",
      `times each node's turn comes (default: ${sizes.rounds})`,
      parse,
    );
  }
  if (sizes.forMs !== undefined) {
    const text = `how long it lasts (default: ${sizes.forMs / 1_000}s)`;
    command.option("--for <time>", text, duration("--for"));
  }
  return command.action(async (options: ScenarioOptions & { readonly for?: number }) => {
    const { json = false, keep = false, for: forMs, ...chosen } = options;
    const { runScenario } = await import("./run-scenario.js");
    const all = { ...NO_SIZES, ...sizes, ...chosen, ...(forMs === undefined ? {} : { forMs }) };
    await runScenario(name, await load(), all, { json, keep });
  });
}
