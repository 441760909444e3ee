// Ports: whether one can be had, and which one is free.
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ExitError } from "./exit.js";
import { listenerOn, processLine } from "./processes.js";

/** A port that something is going to listen on, and what chooses another. */
export interface PortClaim {
  readonly host: string;
  readonly port: number;
  /** Names of the settings: "TASKMESH_GATEWAY_PORT or gateway.port". */
  readonly setting: string;
}

const HIGHEST_PORT = 65_535;
/** How long the system may take to close the sockets of a process that has ended. */
const ENDING_MS = 1_000;
const POLL_MS = 50;
/** Where runs of free ports are looked for: below the ports that systems give to connections. */
const RUN_PORTS = { first: 15_000, last: 32_000 };
const RUN_TRIES = 100;

/** Throws ExitError for the first port that is taken, claimed twice, or that cannot be. */
export async function checkPorts(claims: readonly PortClaim[]): Promise<void> {
  const seen = new Set<number>();
  for (const claim of claims) {
    const { host, port, setting } = claim;
    if (port > HIGHEST_PORT) {
      throw new ExitError(`there is no port ${port} (${setting} chooses a lower first one)`);
    }
    if (seen.has(port)) {
      throw new ExitError(`port ${port} is asked for twice (${setting} chooses another)`);
    }
    seen.add(port);
    const reason = await lastingFailure(host, port);
    if (reason === undefined) continue;
    const holder = reason === "EADDRINUSE" ? listenerOn(port) : undefined;
    const by = holder === undefined ? "" : ` by ${processLine(holder)}`;
    throw new ExitError(
      reason === "EADDRINUSE"
        ? `port ${port} on ${host} is taken${by} (${setting} chooses another)`
        : `port ${port} on ${host} cannot be listened on: ${reason} (${setting} chooses another)`,
    );
  }
}

/** First of `count` ports of 127.0.0.1, one after the other, that were free a moment ago. */
export async function freePortRun(count: number): Promise<number> {
  const span = RUN_PORTS.last - RUN_PORTS.first - count;
  for (let tries = 0; tries < RUN_TRIES; tries += 1) {
    const first = RUN_PORTS.first + Math.floor(Math.random() * span);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const failures = await Promise.all(ports.map((port) => listenFailure("127.0.0.1", port)));
    if (failures.every((failure) => failure === undefined)) return first;
  }
  throw new ExitError(
    `no ${count} ports in a row are free between ${RUN_PORTS.first} and ${RUN_PORTS.last}`,
  );
}

/** As `listenFailure`; a port of a process that is just ending, which nobody has any more, is waited for. */
async function lastingFailure(host: string, port: number): Promise<string | undefined> {
  const endsAtMs = performance.now() + ENDING_MS;
  for (;;) {
    const reason = await listenFailure(host, port);
    const isNobodys = reason === "EADDRINUSE" && listenerOn(port) === undefined;
    if (!isNobodys || performance.now() > endsAtMs) return reason;
    await sleep(POLL_MS);
  }
}

async function listenFailure(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return undefined;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}
