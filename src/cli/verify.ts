// `taskmesh verify`: holds Redis, the assignment table and the log against one another.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf } from "./context.js";
import { ExitError } from "./exit.js";
import { objectsOf, textOf } from "./gateway-client.js";
import { paint, print, printJson } from "./output.js";

/** How long an audit may take, in milliseconds. */
const VERIFY_MS = 600_000;

/** The command `verify`. */
export function verifyCommand(): Command {
  return clientCommand(
    "verify",
    "look for contradictions between Redis, the assignment table and the log",
  ).action((options: ClientOptions) => verify(options));
}

async function verify(options: ClientOptions): Promise<void> {
  const found = await gatewayOf(options).call("/cluster/verify", {
    method: "POST",
    waitMs: VERIFY_MS,
  });
  const count = Number(textOf(found["contradictionCount"]));
  if (options.json === true) printJson(found);
  else {
    const { tasks, assignments, tookMs } = found;
    print(
      `${textOf(tasks)} tasks and ${textOf(assignments)} assignments looked at in ${textOf(tookMs)} ms, ` +
        `up to entry ${textOf(found["redisIndex"])}`,
    );
    for (const { taskId, text } of objectsOf(found["contradictions"])) {
      print(`${paint("red", textOf(taskId) || "log")} ${textOf(text)}`);
    }
    if (count === 0) print(paint("green", "no contradiction"));
  }
  if (count > 0) throw new ExitError(`${count} contradictions`);
}
