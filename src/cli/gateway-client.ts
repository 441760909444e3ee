// Talks HTTP to a gateway on behalf of the client commands, and turns every failure into one line.
import { ExitError } from "./exit.js";

const TIMEOUT_MS = 15_000;

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

export interface CallOptions {
  readonly method?: "GET" | "POST" | "DELETE" | "PUT";
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Added to the bound of the call: how long the gateway itself may wait. */
  readonly waitMs?: number;
  /** Statuses past 2xx that are answers, too. */
  readonly accept?: readonly number[];
}

export interface GatewayClient {
  readonly url: string;
  /** The body of the answer. Throws ExitError for anything but an answer that is accepted. */
  call(path: string, options?: CallOptions): Promise<JsonObject>;
}

/** A client of the gateway at `url`. */
export function gatewayClient(url: string): GatewayClient {
  const base = parseBase(url);
  return { url: base, call: (path, options = {}) => call(base, path, options) };
}

function parseBase(url: string): string {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new ExitError(`${url} is no http:// address of a gateway (--url)`, 2);
  }
  return url.replace(/\/+$/, "");
}

async function call(base: string, path: string, options: CallOptions): Promise<JsonObject> {
  const response = await send(base, path, options);
  const text = await response.text();
  const body = parseObject(text);
  if (response.ok || options.accept?.includes(response.status) === true) {
    if (body === undefined) throw new ExitError(`${base}${path} answered with something not JSON`);
    return body;
  }
  throw refusal(response, body);
}

/** What the gateway refused a call with, as the one line to show. */
export async function gatewayProblem(response: Response): Promise<ExitError> {
  return refusal(response, parseObject(await response.text()));
}

function refusal(response: Response, body: JsonObject | undefined): ExitError {
  return new ExitError(`${problemLine(body) ?? response.statusText} (${response.status})`);
}

async function send(base: string, path: string, options: CallOptions): Promise<Response> {
  const hasBody = options.body !== undefined;
  try {
    return await fetch(`${base}${path}`, {
      method: options.method ?? "GET",
      headers: { ...(hasBody ? { "content-type": "application/json" } : {}), ...options.headers },
      ...(hasBody ? { body: JSON.stringify(options.body) } : {}),
      signal: AbortSignal.timeout(TIMEOUT_MS + (options.waitMs ?? 0)),
    });
  } catch (error) {
    throw noGateway(base, error);
  }
}

/** For a gateway that could not be reached. */
export function noGateway(base: string, error: unknown): ExitError {
  return new ExitError(
    `no gateway answers at ${base} (${reasonOf(error)}); start one with "taskmesh up" or name another with --url`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  const { cause } = error;
  return cause instanceof Error && "code" in cause ? String(cause.code) : error.message;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// RFC 9457: title and detail are for people, code is ours and stable.
function problemLine(body: JsonObject | undefined): string | undefined {
  const parts = [textOf(body?.["title"]), textOf(body?.["detail"])].filter((part) => part !== "");
  const code = textOf(body?.["code"]);
  const words = parts.join(": ");
  if (words === "") return code === "" ? undefined : code;
  return code === "" ? words : `${words} [${code}]`;
}

/**
 * A field as text: "" for what is missing, JSON for what is no plain value. What a handler or a client wrote
 * must not command the terminal: control characters but line breaks and tabs are shown as escapes.
 */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value.replaceAll(CONTROL_CHARACTER, escaped);
  try {
    return JSON.stringify(value).replaceAll(CONTROL_CHARACTER, escaped);
  } catch {
    return "(nested too deep to be shown)";
  }
}

const CONTROL_CHARACTER = /(?![\n\t])\p{Cc}/gu;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** The objects of a list; [] if it is none. */
export function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** An object, or an empty one. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** Query of a path, with its question mark; empty where no value is given. */
export function searchOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? "" : `?${query.toString()}`;
}
