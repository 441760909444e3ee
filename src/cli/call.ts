// `taskmesh call`: any method of a node, with JSON for its messages, as grpcurl does it.
import type { Command } from "commander";
import { baseCommand, type CommonOptions, configOf, duration } from "./context.js";
import { print, printJson } from "./output.js";
import { nodeAddress } from "./places.js";

const TIMEOUT_MS = 10_000;

interface CallOptions extends CommonOptions {
  readonly node?: string;
  readonly json?: boolean;
  readonly timeout?: number;
}

/** The command `call`. */
export function callCommand(): Command {
  return baseCommand("call", "call a method of a node over gRPC; without one, list them")
    .argument("[method]", "such as mesh.v1.TaskService/GetTask")
    .argument("[request]", "JSON object (default: {})")
    .option("--node <address>", "host:port of the node (default: the first one of the config)")
    .option("--json", "list the methods as JSON; answers are JSON without it, too")
    .option(
      "--timeout <time>",
      "how long a single answer is waited for (default: 10s)",
      duration("--timeout"),
    )
    .action((method: string | undefined, request: string | undefined, options: CallOptions) =>
      method === undefined ? list(options) : call(method, request ?? "{}", options),
    );
}

async function list({ json = false }: CallOptions): Promise<void> {
  const { grpcMethods, signatureOf } = await import("./grpc-methods.js");
  const methods = grpcMethods();
  if (json) printJson([...methods.keys()]);
  else for (const [name, method] of methods) print(signatureOf(name, method));
}

async function call(name: string, text: string, options: CallOptions): Promise<void> {
  const { methodNamed, requestFrom } = await import("./grpc-methods.js");
  const { callOnce, callForStream } = await import("./grpc-call.js");
  const method = methodNamed(name);
  const request = requestFrom(method, text);
  const address = options.node ?? firstNode(options);
  if (method.responseStream) {
    for await (const answer of callForStream(address, method, request)) {
      print(JSON.stringify(answer));
    }
  } else {
    printJson(await callOnce(address, method, request, options.timeout ?? TIMEOUT_MS));
  }
}

function firstNode(options: CommonOptions): string {
  const { config } = configOf(options);
  return nodeAddress(config, config.nodes.grpcPort);
}
