// What `cancel` and `retry` have in common: one call for one task, and what has become of it in a line.
import { type ClientOptions, gatewayOf } from "./context.js";
import { type CallOptions, textOf } from "./gateway-client.js";
import { print, printJson, status } from "./output.js";

/**
 * Makes the call and shows the task.
 *
 * @param below path below that of the task, with its slash; empty for the task itself
 */
export async function changeTask(
  id: string,
  method: CallOptions["method"] & string,
  below: string,
  options: ClientOptions,
): Promise<void> {
  const path = `/tasks/${encodeURIComponent(id)}${below}`;
  const task = await gatewayOf(options).call(path, { method });
  if (options.json === true) printJson(task);
  else print(`${textOf(task["id"])} is ${status(textOf(task["status"]))}`);
}
