// A mesh of real nodes in this process: real logs on disk, real gRPC between them, a Redis and a
// gateway of their own, and timings that are shorter than in production. Its links can be cut and
// slowed by name, and what happened to it is checked against the invariants: see docs/testing.md.
import { Metadata } from "@grpc/grpc-js";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ClientPool, type PeerClients } from "../../src/api/client-pool.js";
import { type Config, configSchema } from "../../src/config/schema.js";
import { type RunningGateway, startGateway } from "../../src/gateway/gateway.js";
import { SubmitTaskRequest, type SubmitTaskResponse } from "../../src/gen/mesh/v1/task_service.js";
import { REDIS_PEER } from "../../src/links/link-rule.js";
import { LinkTable } from "../../src/links/link-table.js";
import { type RunningNode, startNode } from "../../src/mesh/node/node.js";
import { createLogger } from "../../src/telemetry/logger.js";
import { BackgroundLoad } from "./background-load.js";
import { ShiftedClocks } from "./fake-clocks.js";
import { freePorts } from "./free-ports.js";
import { Journal } from "./journal.js";
import { MeshFaults } from "./mesh-faults.js";
import { MeshHistory } from "./mesh-history.js";
import { type HealthView, MeshHttp, type TaskView } from "./mesh-http.js";
import { violations } from "./mesh-invariants.js";
import { RedisServer } from "./redis-server.js";
import { waitFor } from "./wait-for.js";

/** Ports kept for nodes that a test starts later. */
const SPARE_NODES = 3;
/** Seed of what lossy links lose. */
const SEED = 1;

const CALL_MS = 30_000;

const NOTHING_ASKED = SubmitTaskRequest.decode(new Uint8Array());
const SILENT = { level: "silent", format: "json" } as const;

export interface MeshOptions {
  /** Nodes that form the mesh, n1 and up. Default 3. */
  readonly nodes?: number;
  readonly worker?: Readonly<Record<string, unknown>>;
  readonly raft?: Readonly<Record<string, unknown>>;
  readonly chaos?: Readonly<Record<string, unknown>>;
  readonly tasks?: Readonly<Record<string, unknown>>;
  readonly retention?: Readonly<Record<string, unknown>>;
  /** A Redis in place of one of its own, closed with the mesh; and the section `redis`, if not its URL. */
  readonly redis?: {
    readonly server: RedisServer;
    readonly settings?: Readonly<Record<string, unknown>>;
  };
  /** Each node and the gateway hold the rules of links themselves, as processes do; not `faults`. */
  readonly ownLinks?: boolean;
  /** Of the section `nodes`, such as how many of them vote. */
  readonly membership?: Readonly<Record<string, unknown>>;
}

export interface StartOptions {
  /** Gives the start up. */
  readonly signal?: AbortSignal;
  /** Listens where this node would. */
  readonly portOf?: string;
}

export class TestMesh {
  readonly #ports: readonly number[];
  readonly journal = new Journal();
  readonly history = new MeshHistory();
  readonly nodes = new Map<string, RunningNode>();
  readonly http: MeshHttp;
  readonly config: Config;
  /** What is wrong with the links: cut, delay, lose; `heal()` ends all of it. */
  readonly faults: MeshFaults;
  readonly #links = new LinkTable(SEED);
  readonly #shared: { readonly links?: LinkTable };
  readonly #folder = mkdtempSync(path.join(tmpdir(), "taskmesh-mesh-"));
  readonly #pool = new ClientPool();
  readonly #clocks = new Map<string, ShiftedClocks>();
  /** Every node that was ever started. */
  readonly #known = new Set<string>();
  readonly #dying = new Map<string, Promise<void>>();
  readonly #logger = createLogger({ log: SILENT });
  #gateway: RunningGateway | undefined;

  private constructor(
    readonly redis: RedisServer,
    ports: readonly number[],
    options: MeshOptions,
  ) {
    this.#ports = ports;
    const [gatewayPort = 0] = ports;
    this.#shared = options.ownLinks === true ? {} : { links: this.#links };
    this.faults = new MeshFaults(this.#links, () => [...this.#known]);
    this.http = new MeshHttp(`http://127.0.0.1:${gatewayPort}`);
    this.config = configSchema.parse({
      mesh: "test",
      chaos: { enabled: true, ...options.chaos },
      redis: { commandTimeoutMs: 1_000, ...(options.redis?.settings ?? { url: redis.url }) },
      nodes: { count: options.nodes ?? 3, dataDir: this.#folder, ...options.membership },
      gateway: { port: gatewayPort, retryForMs: 2_000 },
      raft: { tickMs: 20, ...options.raft },
      retention: options.retention ?? {},
      tasks: options.tasks ?? {},
      worker: { leaseMs: 1_500, stopGraceMs: 0, ...options.worker },
    });
  }

  static async start(options: MeshOptions = {}): Promise<TestMesh> {
    const count = options.nodes ?? 3;
    const redis = options.redis?.server ?? (await RedisServer.start({ appendOnly: true }));
    const mesh = new TestMesh(redis, await freePorts(1 + count + SPARE_NODES), options);
    // Where the handlers write is told as it is to the processes of a mesh: by the environment.
    process.env["JOURNAL_FOLDER"] = mesh.journal.folder;
    const ids = Array.from({ length: count }, (_, at) => `n${at + 1}`);
    await Promise.all(ids.map((id) => mesh.startNode(id)));
    const { config } = mesh;
    const logger = mesh.#logger;
    const shared = mesh.#shared;
    mesh.#gateway = await startGateway({ config, logger, ...shared });
    await mesh.whole(count);
    return mesh;
  }

  /** Starts a node, or starts it again on the data that it has. */
  async startNode(
    id: string,
    more: Partial<Config> = {},
    how: StartOptions = {},
  ): Promise<RunningNode> {
    const port = this.#ports[Number((how.portOf ?? id).slice(1))];
    if (port === undefined) throw new Error(`no port is kept for ${id}`);
    this.#known.add(id);
    const logger = this.#logger;
    const shared = this.#shared;
    const worker = { ...this.config.worker, handlers: this.journal.handlersOf(id) };
    const config = { ...this.config, worker, ...more };
    const { signal = new AbortController().signal } = how;
    const clocks = this.clocksOf(id);
    const node = await startNode({ config, id, port, logger, signal, clocks, ...shared });
    this.history.follow(id, node);
    this.nodes.set(id, node);
    return node;
  }

  /** The clocks of a node, for a test to set; Raft's own timers do not go by them. */
  clocksOf(id: string): ShiftedClocks {
    const clocks = this.#clocks.get(id) ?? new ShiftedClocks();
    this.#clocks.set(id, clocks);
    return clocks;
  }

  /** Stops a node as a good operator does: it hands back what it runs, and leads no more. */
  async stopNode(id: string): Promise<void> {
    const node = this.nodes.get(id);
    this.nodes.delete(id);
    await node?.stop();
  }

  /** The machine under a node loses its power: from this moment nothing is heard of it. */
  kill(id: string): void {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`${id} does not run`);
    this.faults.silence(id);
    this.nodes.delete(id);
    this.#dying.set(id, node.stop());
  }

  /** The processes that were killed have let go of their disks. */
  async ended(): Promise<void> {
    await Promise.all(this.#dying.values());
  }

  /** host:port of a node, whether it runs or not. */
  addressOf(id: string): string {
    return `127.0.0.1:${this.#ports[Number(id.slice(1))] ?? 0}`;
  }

  /** Starts a node that was killed again, on the data that it has. */
  async restart(id: string): Promise<void> {
    await this.#dying.get(id);
    this.#dying.delete(id);
    this.faults.revive(id);
    await this.startNode(id);
  }

  /** Redis goes on for everybody else. */
  isolateFromRedis(id: string): void {
    this.faults.cut(id, REDIS_PEER);
  }

  /** Ends Redis as a crash would; it keeps what it has acknowledged. */
  stopRedis(): Promise<void> {
    return this.redis.kill();
  }

  /** Starts it again on the data that it had. */
  startRedis(): Promise<void> {
    return this.redis.restart();
  }

  /** Redis forgets everything. */
  wipeRedis(): Promise<void> {
    return this.redis.flush();
  }

  /** gRPC clients of one node; they do not pass the links. */
  at(id: string): PeerClients {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`${id} does not run`);
    return this.#pool.at(node.address);
  }

  /** Id of the node that a majority of those that run follows, and that leads by its own account. */
  leader(): Promise<string> {
    return waitFor("there is a leader", () => this.leaderNow());
  }

  /** The leader, if there is one at this moment. */
  leaderNow(): string | undefined {
    const states = [...this.nodes].map(([id, { raft }]) => ({ id, ...raft.softState }));
    const leading = states.filter(({ role }) => role === "leader");
    const followed = leading.find(({ id, term }) => {
      const followers = states.filter((one) => one.leader === id && one.term === term);
      return followers.length > this.nodes.size / 2;
    });
    return followed?.id;
  }

  /** Waits until one of these leads. */
  leaderAmong(ids: readonly string[]): Promise<string> {
    return waitFor(`one of ${ids.join(", ")} leads`, () => {
      const leader = this.leaderNow();
      return leader !== undefined && ids.includes(leader) && leader;
    });
  }

  /** Whether a node leads by its own account, followed or not. */
  claimsToLead(id: string): boolean {
    return this.nodes.get(id)?.raft.softState.role === "leader";
  }

  termOf(id: string): number {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`${id} does not run`);
    return node.raft.softState.term;
  }

  /** Waits until all nodes follow one leader. */
  async everyoneFollows(): Promise<void> {
    await waitFor("all follow one leader", () => {
      const leaders = [...this.nodes.values()].map(({ raft }) => raft.softState.leader);
      return leaders[0] !== undefined && leaders.every((leader) => leader === leaders[0]);
    });
  }

  /** Waits until the leader gives a node no more work. */
  async countsAsLost(id: string): Promise<void> {
    await waitFor(`${id} counts as lost`, async () => {
      return (await this.http.workers()).find((worker) => worker.id === id)?.state === "lost";
    });
  }

  /** Waits until the last rule that was set for a time has come to its end. */
  async healedByItself(): Promise<void> {
    await waitFor("the links have healed", () => this.#links.rules().length === 0);
  }

  /** Id of a node that does not lead. */
  async follower(): Promise<string> {
    const [id] = await this.followers();
    if (id === undefined) throw new Error("there is no follower");
    return id;
  }

  async followers(): Promise<string[]> {
    const leader = await this.leader();
    return [...this.nodes.keys()].filter((one) => one !== leader);
  }

  /** So many nodes take work. */
  async whole(count: number): Promise<void> {
    await waitFor(`${count} nodes take work`, async () => {
      const workers = await this.http.workers();
      return workers.filter(({ state }) => state === "active").length === count;
    });
  }

  /** Submits over HTTP; the answer, whatever it is, is in the history. Undefined: not acknowledged. */
  submit(task: Readonly<Record<string, unknown>>): Promise<TaskView | undefined> {
    return this.history.submit(this.http, task);
  }

  /** Clients that go on submitting until they are stopped. */
  load(task: Readonly<Record<string, unknown>> = { type: "note" }): BackgroundLoad {
    return new BackgroundLoad(this.http, this.history, task);
  }

  /** So many tasks over HTTP, each of which must be acknowledged. */
  async submitMany(
    count: number,
    task: Readonly<Record<string, unknown>>,
  ): Promise<readonly TaskView[]> {
    const tasks = await Promise.all(Array.from({ length: count }, () => this.submit(task)));
    return tasks.map((one) => {
      if (one !== undefined) return one;
      const last = this.history.submissions.findLast(({ kind }) => kind !== "acknowledged");
      throw new Error(`a submission was not acknowledged: ${JSON.stringify(last)}`);
    });
  }

  /** Waits until so many more submissions are acknowledged; some client must be submitting. */
  async workGoesOn(count: number): Promise<void> {
    const before = this.history.acknowledged().length;
    await waitFor(`${count} more submissions are acknowledged`, () => {
      return this.history.acknowledged().length >= before + count;
    });
  }

  /** Submits over gRPC to the node that is named, whatever its role. */
  submitAt(
    id: string,
    request: Partial<SubmitTaskRequest>,
    timeoutMs = CALL_MS,
  ): Promise<SubmitTaskResponse> {
    return new Promise((resolve, reject) => {
      const whole = { ...NOTHING_ASKED, ...request };
      const bounds = { deadline: Date.now() + timeoutMs };
      this.at(id).tasks.submitTask(whole, new Metadata(), bounds, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  /** Waits until /health says that the mesh is degraded, for a reason like this. */
  async degraded(reason: RegExp): Promise<void> {
    const seen = new Set<string>();
    await waitFor(`it is degraded by ${String(reason)}`, async () => {
      const { status, reasons } = await this.http.expectOk<HealthView>("GET", "/health");
      for (const one of reasons) seen.add(one);
      if (status === "degraded" && reasons.some((one) => reason.test(one))) return true;
      throw new Error(`${status}; so far: ${[...seen].join(" | ")}`);
    });
  }

  async healthy(): Promise<void> {
    await waitFor("it is healthy", async () => {
      const { status, reasons } = await this.http.expectOk<HealthView>("GET", "/health");
      if (status !== "healthy") throw new Error(reasons.join(" | "));
      return true;
    });
  }

  /** What an audit finds between Redis, the assignment table and the log, once it can be made. */
  async contradictions(): Promise<string[]> {
    const found = await waitFor("the mesh can be audited", () =>
      this.http.expectOk<{ readonly contradictions: readonly { readonly text: string }[] }>(
        "POST",
        "/cluster/verify",
      ),
    );
    return found.contradictions.map(({ text }) => text);
  }

  /** Heals everything, waits until every acknowledged task has ended, and names what does not hold. */
  async violations(): Promise<string[]> {
    this.faults.heal();
    await this.whole(this.nodes.size);
    return [...(await violations(this)), ...(await this.contradictions())];
  }

  async close(): Promise<void> {
    this.faults.heal();
    await this.#gateway?.stop();
    await Promise.all([...this.nodes.keys()].map((id) => this.stopNode(id)));
    await Promise.all(this.#dying.values());
    this.#links.heal();
    this.#pool.close();
    await this.redis.stop();
    this.journal.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A mesh of its own for a test file; close it. */
export function startMesh(options: MeshOptions = {}): Promise<TestMesh> {
  return TestMesh.start(options);
}
