// `taskmesh transfer`: hands leadership over.
import type { Command } from "commander";
import { clientCommand, type ClientOptions, gatewayOf } from "./context.js";
import { objectOf, textOf } from "./gateway-client.js";
import { print, printJson } from "./output.js";

/** The command `transfer`. */
export function transferCommand(): Command {
  return clientCommand("transfer", "hand leadership over to another voter")
    .argument("[to]", "name of the voter, such as n2 (default: the one that is furthest)")
    .action((to: string | undefined, options: ClientOptions) => transfer(to, options));
}

async function transfer(to: string | undefined, options: ClientOptions): Promise<void> {
  const answer = await gatewayOf(options).call("/cluster/transfer", {
    method: "POST",
    ...(to === undefined ? {} : { body: { to } }),
  });
  if (options.json === true) {
    printJson(answer);
    return;
  }
  const { id, term } = objectOf(answer["leader"]);
  print(`${textOf(id)} leads, in term ${textOf(term)}`);
}
