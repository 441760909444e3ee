// The two sides: three processes of this Raft, and three of etcd, each with folders of its own.
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startProgram, Worker } from "./processes.js";
import type { Load, Measured } from "./window.js";

export interface Side {
  measure(load: Load): Promise<Measured>;
  stop(): Promise<void>;
}

const IDS = ["a", "b", "c"];
const ETCD_ATTEMPTS = 100;
const ETCD_RETRY_MS = 100;

export interface Place {
  /** Compiled programs of this benchmark. */
  readonly programs: string;
  /** An empty folder. */
  readonly data: string;
}

/** `proposer` is the leader itself, or a client of it in a process of its own. */
export async function startTaskmesh(
  { programs, data }: Place,
  proposer: "leader" | "client",
): Promise<Side> {
  const program = path.join(programs, "bench/raft/member.js");
  const profile = process.env["BENCH_PROFILE"];
  const flags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  const members = IDS.map((id) => new Worker(program, [id, path.join(data, id), ...IDS], flags));
  const addresses: Record<string, string> = {};
  for (const [at, member] of members.entries()) {
    addresses[IDS[at] ?? ""] = (await member.hear("listening")).address;
  }
  for (const member of members) member.order({ kind: "peers", addresses });
  const leads = members.map(async (member, at) => {
    await member.hear("leads");
    return { member, address: addresses[IDS[at] ?? ""] ?? "" };
  });
  for (const each of leads) each.catch(() => undefined);
  const { member: leader, address } = await Promise.race(leads);
  if (proposer === "leader") return sideOf(leader, members);
  const client = new Worker(path.join(programs, "bench/raft/client.js"), []);
  client.order({ kind: "connect", address });
  await client.hear("connected");
  return sideOf(client, [client, ...members]);
}

function sideOf(proposer: Worker, all: readonly Worker[]): Side {
  return {
    measure: (load) => proposer.measure(load),
    stop: async () => {
      await Promise.all(all.map((each) => each.end()));
    },
  };
}

/** `etcd` is found on PATH; the client calls the member that leads. */
export async function startEtcd({ programs, data }: Place): Promise<Side> {
  const ports = await freePorts(2 * IDS.length);
  const url = (at: number) => `http://127.0.0.1:${ports[at] ?? 0}`;
  const cluster = IDS.map((id, at) => `${id}=${url(2 * at)}`).join(",");
  const stops = IDS.map((id, at) =>
    startProgram("etcd", [
      ...["--name", id, "--data-dir", path.join(data, id), "--log-level", "error"],
      ...["--initial-cluster", cluster, "--initial-cluster-state", "new"],
      ...["--listen-peer-urls", url(2 * at), "--initial-advertise-peer-urls", url(2 * at)],
      ...["--listen-client-urls", url(2 * at + 1), "--advertise-client-urls", url(2 * at + 1)],
    ]),
  );
  const client = new Worker(path.join(programs, "bench/raft/etcd-client.js"), []);
  const side = {
    measure: (load: Load) => client.measure(load),
    stop: async () => {
      await client.end();
      await Promise.all(stops.map((stop) => stop()));
    },
  };
  try {
    await connectToLeader(
      client,
      IDS.map((_, at) => url(2 * at + 1).replace("http://", "")),
    );
    return side;
  } catch (error) {
    await side.stop();
    throw error;
  }
}

async function connectToLeader(client: Worker, addresses: readonly string[]): Promise<void> {
  for (let attempt = 0; attempt < ETCD_ATTEMPTS; attempt += 1) {
    const address = addresses[attempt % addresses.length] ?? "";
    if (await isListening(address)) {
      client.order({ kind: "connect", address });
      if ((await client.hear("connected")).leads) return;
    }
    await delay(ETCD_RETRY_MS);
  }
  throw new Error("etcd elected no leader");
}

async function isListening(address: string): Promise<boolean> {
  try {
    await fetch(`http://${address}/health`);
    return true;
  } catch {
    return false;
  }
}

/** Free a moment ago, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
    const bound = server.address();
    if (bound !== null && typeof bound === "object") ports.push(bound.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
