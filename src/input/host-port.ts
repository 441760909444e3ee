// Where something listens or is reached, as people and processes write it: host:port, the host a name, an
// IPv4 address, or an IPv6 address in brackets, as its own colons would be taken for that of the port.
import { isIPv6 } from "node:net";

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const HIGHEST_PORT = 65_535;
const WILDCARDS: readonly string[] = ["0.0.0.0", "[::]", "[::ffff:0:0]"];

/** @param host an IPv6 address with brackets or without */
export function joinHostPort(host: string, port: number): string {
  return `${inBrackets(host)}:${port}`;
}

/** Undefined for what is none, as an IPv6 address without brackets. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, inner, plain = "", digits = ""] =
    /^(?:\[([^[\]]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > HIGHEST_PORT) return undefined;
  if (inner === undefined) return { host: plain, port };
  return isIPv6(inner) ? { host: inner, port } : undefined;
}

/** Whether it can be the host of an address: a name or an IP address, without port and brackets. */
export function isHost(text: string): boolean {
  return /^[^\s[\]/]{1,255}$/.test(text) && (!text.includes(":") || isIPv6(text));
}

/** Whether it stands for every address of the machine: one can listen on it, and nobody reach it. */
export function isWildcard(host: string): boolean {
  // That knows every way of writing it.
  const url = `http://${inBrackets(host)}/`;
  return URL.canParse(url) && WILDCARDS.includes(new URL(url).hostname);
}

function inBrackets(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
