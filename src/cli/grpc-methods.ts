// What can be called on a node, from its .proto files, and JSON as a request.
import { loadSync, type MethodDefinition, type PackageDefinition } from "@grpc/proto-loader";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { jsonFaultOf } from "../input/json-text.js";
import { ExitError, exitCode } from "./exit.js";

export type GrpcMethod = MethodDefinition<object, object>;

const PROTO_FOLDER = fileURLToPath(new URL("../../proto", import.meta.url));
/** Names in camel case, 64-bit numbers and names of enums as text, bytes as base64. */
const JSON_FORM = { longs: String, enums: String, bytes: String, defaults: true } as const;

/** Every method, by its full name: package.Service/Method. */
export function grpcMethods(): ReadonlyMap<string, GrpcMethod> {
  const files = readdirSync(PROTO_FOLDER, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".proto"),
  );
  const methods = Object.values(loadSync(files, { ...JSON_FORM, includeDirs: [PROTO_FOLDER] }))
    .filter(isService)
    .flatMap((service) => Object.values(service))
    .map((method) => [method.path.slice(1), method] as const);
  return new Map(methods.sort(([one], [other]) => one.localeCompare(other)));
}

/** @throws ExitError where there is none, or it takes a stream */
export function methodNamed(name: string): GrpcMethod {
  const method = grpcMethods().get(name);
  if (method === undefined) {
    throw new ExitError(
      `there is no method ${name}: \`taskmesh call\` lists what there is`,
      exitCode.usage,
    );
  }
  if (method.requestStream) {
    throw new ExitError(
      `${name} takes a stream of requests, and one request is all that is sent here`,
      exitCode.usage,
    );
  }
  return method;
}

/** The method with what it takes and answers, on one line. */
export function signatureOf(name: string, method: GrpcMethod): string {
  const { requestStream, requestType, responseStream, responseType } = method;
  return `${name} (${typeText(requestStream, requestType)}) → ${typeText(responseStream, responseType)}`;
}

/** @throws ExitError for what is no JSON object, or holds what the request does not take */
export function requestFrom(method: GrpcMethod, text: string): object {
  const given = parsed(text);
  let kept: object;
  try {
    kept = method.requestDeserialize(method.requestSerialize(given));
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error));
  }
  const lost = firstLost(given, kept, []);
  if (lost !== undefined) throw refused(`${lost} is not known, or not of its type`);
  return given;
}

function parsed(text: string): object {
  const fault = jsonFaultOf(text);
  if (fault !== undefined) throw refused([...fault.path, fault.problem].join(" "));
  const value: unknown = JSON.parse(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw refused("give a JSON object");
}

/** The path of the first thing given that a message made of it does not hold. */
function firstLost(given: unknown, kept: unknown, path: readonly string[]): string | undefined {
  if (typeof given !== "object" || given === null) {
    // 64-bit numbers may be given as numbers or as text.
    return String(given) === String(kept) ? undefined : path.join(".");
  }
  if (typeof kept !== "object" || kept === null) return path.join(".");
  for (const [name, inner] of Object.entries(given)) {
    const found: unknown = Object.hasOwn(kept, name) ? kept[name as never] : undefined;
    const lost = firstLost(inner, found, [...path, name]);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

function refused(reason: string): ExitError {
  return new ExitError(`the request: ${reason}`, exitCode.usage);
}

function typeText(isStream: boolean, { type }: GrpcMethod["requestType"]): string {
  const { name } = type as { readonly name: string };
  return isStream ? `stream ${name}` : name;
}

type Definition = PackageDefinition[string];

function isService(definition: Definition): definition is Readonly<Record<string, GrpcMethod>> {
  return !("format" in definition);
}
