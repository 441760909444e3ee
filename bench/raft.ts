// Committed proposals a second, and their latency: three processes of this Raft beside three of etcd
// on this machine, turn about. npm run bench -- raft. BENCH_ONLY, BENCH_IN_FLIGHT, BENCH_ROUNDS and
// BENCH_MS narrow it; BENCH_PROFILE names a folder for CPU profiles of the members.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { compile } from "./raft/compile.js";
import { type Place, type Side, startEtcd, startTaskmesh } from "./raft/sides.js";
import { VALUE_BYTES } from "./raft/sizes.js";
import type { Measured } from "./raft/window.js";

const IN_FLIGHT = (process.env["BENCH_IN_FLIGHT"] ?? "1,64,256").split(",").map(Number);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const MEASURE_MS = Number(process.env["BENCH_MS"] ?? 2_000);
/** Of each measurement, for all sides: V8 compiles what is hot while it runs, and takes seconds to. */
const WARM_UP_MS = 5_000;

const SIDES = {
  "taskmesh, in the leader": (place: Place) => startTaskmesh(place, "leader"),
  "taskmesh, client stream": (place: Place) => startTaskmesh(place, "client"),
  etcd: startEtcd,
} satisfies Record<string, (place: Place) => Promise<Side>>;
type SideName = keyof typeof SIDES;

const LEGEND = `
Each side: three processes on this machine, each syncing its own folder with fdatasync; a value of
${VALUE_BYTES} B counts once it is committed, and applied on the leader. Each measurement follows
${WARM_UP_MS / 1_000} s of the same load.
- in the leader: proposed in the leader's process; entries travel over gRPC; the state machine only counts.
- client stream: the same, from a process of its own over one gRPC stream.
- etcd: one gRPC call of KV.Put per value, all on one connection to the leader, from a process of its
  own; its state machine is its multi-version store. One key is written over and over.
`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The best of all rounds, by in-flight count: other load on the machine only ever takes away. */
const best = new Map<SideName, Map<number, Measured>>();

const found = spawnSync("etcd", ["--version"], { encoding: "utf8" });
const version =
  found.error === undefined ? /etcd Version: (\S+)/.exec(found.stdout)?.[1] : undefined;
/** Names that hold this text alone, to look into one side. */
const only = process.env["BENCH_ONLY"] ?? "";
const names = (Object.keys(SIDES) as SideName[]).filter(
  (name) => name.includes(only) && (name !== "etcd" || version !== undefined),
);
const programs = compile(
  ["member", "client", "etcd-client"].map((name) => `bench/raft/${name}.ts`),
);
try {
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const name of names) await run(name, round);
  }
} finally {
  await rm(programs, { recursive: true, force: true });
}
print();

async function run(name: SideName, round: number): Promise<void> {
  const parent = process.env["TASKMESH_DATA"] ?? tmpdir();
  const data = await mkdtemp(path.join(parent, "taskmesh-bench-data-"));
  const side = await SIDES[name]({ programs, data });
  try {
    for (const inFlight of IN_FLIGHT) {
      const load = {
        inFlight,
        warmUpMs: WARM_UP_MS,
        measureMs: MEASURE_MS,
        valueBytes: VALUE_BYTES,
      };
      const measured = await side.measure(load);
      say(`round ${round}  ${name.padEnd(24)} ${describe(inFlight, measured)}`);
      keepBest(name, inFlight, measured);
    }
  } finally {
    await side.stop();
    await rm(data, { recursive: true, force: true });
  }
}

function keepBest(name: SideName, inFlight: number, measured: Measured): void {
  const ofSide = best.get(name) ?? new Map<number, Measured>();
  best.set(name, ofSide);
  if (measured.perSecond > (ofSide.get(inFlight)?.perSecond ?? 0)) ofSide.set(inFlight, measured);
}

function describe(inFlight: number, { perSecond, p50Ms, p99Ms }: Measured): string {
  const cells = [
    `${inFlight} in flight`.padStart(14),
    `${Math.round(perSecond)}/s`.padStart(10),
    `p50 ${p50Ms.toFixed(2)} ms`.padStart(14),
    `p99 ${p99Ms.toFixed(2)} ms`.padStart(15),
  ];
  return cells.join("");
}

function print(): void {
  say(`\nBest of ${ROUNDS} rounds of ${MEASURE_MS / 1_000} s each, turn about:`);
  for (const inFlight of IN_FLIGHT) {
    const etcd = best.get("etcd")?.get(inFlight);
    for (const name of names) {
      const measured = best.get(name)?.get(inFlight);
      if (measured === undefined) continue;
      const ratio =
        etcd === undefined ? "" : `${(measured.perSecond / etcd.perSecond).toFixed(2)} × etcd`;
      say(`${name.padEnd(24)}${describe(inFlight, measured)}${ratio.padStart(16)}`);
    }
  }
  say(LEGEND);
  say(version === undefined ? "etcd was not found on PATH: no comparison." : `etcd ${version}`);
}
