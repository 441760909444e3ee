// `taskmesh chaos`: links between nodes, gateway and Redis, cut and slowed on purpose.
import { Command } from "commander";
import { clientCommand, type ClientOptions, duration, gatewayOf } from "./context.js";
import { ExitError, exitCode } from "./exit.js";
import { type JsonObject, objectsOf, textOf } from "./gateway-client.js";
import { paint, print, printError, printJson } from "./output.js";
import { table } from "./table.js";

interface ImpairOptions extends ClientOptions {
  readonly oneWay?: boolean;
  readonly for?: number;
  readonly jitter?: number;
}

const LINKS = "/chaos/links";
const PEER = 'a node such as n2, "gateway" or "redis"';

/** The command `chaos`; its options follow the name of what is to be done. */
export function chaosCommand(): Command {
  return new Command("chaos")
    .description("cut, slow and heal links of the mesh, where the config has chaos.enabled")
    .addCommand(
      impairCommand("cut", "let nothing pass between two").action(
        (a: string, b: string, options: ImpairOptions) => impair(a, b, { cut: true }, options),
      ),
    )
    .addCommand(
      impairCommand("delay", "let everything between two be late")
        .argument("<time>", "by so much: 200ms, 1s", duration("<time>"))
        .option("--jitter <time>", "and up to so much more", duration("--jitter"))
        .action((a: string, b: string, delayMs: number, options: ImpairOptions) =>
          impair(a, b, { delayMs, jitterMs: options.jitter }, options),
        ),
    )
    .addCommand(
      impairCommand("drop", "let messages between two be lost")
        .argument("<share>", "so many of them: 10%, 0.1", share)
        .action((a: string, b: string, loss: number, options: ImpairOptions) =>
          impair(a, b, { loss }, options),
        ),
    )
    .addCommand(
      clientCommand("heal", "heal the links between two, both ways, or all links")
        .argument("[a]", PEER)
        .argument("[b]", PEER)
        .action(heal),
    )
    .addCommand(clientCommand("list", "show what is wrong with links on purpose").action(list));
}

function impairCommand(name: string, description: string): Command {
  return clientCommand(name, description)
    .argument("<a>", PEER)
    .argument("<b>", PEER)
    .option("--one-way", "from the first to the second alone")
    .option("--for <time>", "heal by itself after so long: 500ms, 10s, 5m", duration("--for"));
}

async function impair(
  from: string,
  to: string,
  impairment: Readonly<Record<string, unknown>>,
  options: ImpairOptions,
): Promise<void> {
  const both = options.oneWay !== true;
  const body = { from, to, both, ...impairment, forMs: options.for };
  const answer = await gatewayOf(options).call(LINKS, { method: "PUT", body });
  const time = options.for === undefined ? "until it is healed" : `for ${options.for} ms`;
  const link = `${from} ${both ? "<->" : "->"} ${to}`;
  tell(answer, options, `${link}: ${whatOf(body)} ${time}, in force at ${peersOf(answer)}`);
}

async function heal(
  a: string | undefined,
  b: string | undefined,
  options: ClientOptions,
): Promise<void> {
  if (a !== undefined && b === undefined) {
    throw new ExitError("give both ends of the link, or none for all links", exitCode.usage);
  }
  const query = new URLSearchParams({ from: a ?? "", to: b ?? "", both: "true" });
  const path = a === undefined ? LINKS : `${LINKS}?${query.toString()}`;
  const answer = await gatewayOf(options).call(path, { method: "DELETE" });
  const link = a === undefined ? "every link" : `${a} <-> ${b ?? ""}`;
  tell(answer, options, `${link}: healed at ${peersOf(answer)}`);
}

async function list(options: ClientOptions): Promise<void> {
  const answer = await gatewayOf(options).call(LINKS);
  const links = objectsOf(answer["links"]);
  if (options.json !== true && links.length > 0) {
    const head = ["FROM", "TO", { title: "WHAT", min: 20 }, "HEALS", { title: "AT", min: 6 }];
    for (const line of table(head, links.map(row))) print(line);
  }
  tell(answer, options, links.length === 0 ? "no link is impaired" : undefined);
}

function row(link: JsonObject): string[] {
  const healsInMs = Number(link["healsInMs"]);
  const heals = healsInMs === 0 ? "when told" : `in ${(healsInMs / 1_000).toFixed(1)} s`;
  return [textOf(link["from"]), textOf(link["to"]), whatOf(link), heals, peersOf(link)];
}

/** The answer as JSON; or the line, and which peers do not know of it. */
function tell(answer: JsonObject, { json }: ClientOptions, line: string | undefined): void {
  if (json === true) {
    printJson(answer);
    return;
  }
  if (line !== undefined) print(line);
  for (const { id, reason } of objectsOf(answer["unreachable"])) {
    printError(paint("yellow", `${textOf(id)} could not be told: ${textOf(reason)}`));
  }
}

function whatOf(rule: JsonObject): string {
  const number = (name: string): number => Number(rule[name] ?? 0);
  const parts = [
    rule["cut"] === true ? "cut" : "",
    number("delayMs") > 0 ? `${number("delayMs")} ms late` : "",
    number("jitterMs") > 0 ? `up to ${number("jitterMs")} ms of jitter` : "",
    number("loss") > 0 ? `${percent(number("loss"))} lost` : "",
    number("duplicate") > 0 ? `${percent(number("duplicate"))} twice` : "",
    number("bandwidthBytesPerSecond") > 0 ? `${number("bandwidthBytesPerSecond")} B/s` : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

const percent = (part: number): string => `${Number((part * 100).toPrecision(4))}%`;

function peersOf(answer: JsonObject): string {
  const peers: unknown = answer["at"];
  return Array.isArray(peers) ? peers.map(textOf).join(", ") : "";
}

function share(text: string): number {
  const [, amount, sign] = /^(\d+(?:\.\d+)?)(%)?$/.exec(text) ?? [];
  const part = Number(amount ?? Number.NaN) / (sign === undefined ? 1 : 100);
  if (part >= 0 && part <= 1) return part;
  throw new ExitError(`<share> ${text}: give a share such as 10% or 0.1`, exitCode.usage);
}
