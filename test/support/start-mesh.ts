// A mesh of real nodes in this process: real logs on disk, real gRPC between them, a Redis and a
// gateway of their own, and timings that are shorter than in production.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ClientPool, type PeerClients } from "../../src/api/client-pool.js";
import { type Config, configSchema } from "../../src/config/schema.js";
import { type RunningGateway, startGateway } from "../../src/gateway/gateway.js";
import { SubmitTaskRequest, type SubmitTaskResponse } from "../../src/gen/mesh/v1/task_service.js";
import { type RunningNode, startNode } from "../../src/mesh/node.js";
import { LinkTable } from "../../src/links/link-table.js";
import { createLogger } from "../../src/telemetry/logger.js";
import { freePorts } from "./free-ports.js";
import { Journal, journalHandlers } from "./journal.js";
import { MeshHttp } from "./mesh-http.js";
import { RedisServer } from "./redis-server.js";
import { waitFor } from "./wait-for.js";

/** Ports kept for nodes that a test starts later. */
const SPARE_NODES = 3;

const NOTHING_ASKED = SubmitTaskRequest.decode(new Uint8Array());
const logger = createLogger({ log: { level: "silent", format: "json" } });

export interface MeshOptions {
  /** Nodes that form the mesh, n1 and up. Default 3. */
  readonly nodes?: number;
  readonly worker?: Readonly<Record<string, unknown>>;
  readonly retention?: Readonly<Record<string, unknown>>;
  /** Of the section `nodes`, such as how many of them vote. */
  readonly membership?: Readonly<Record<string, unknown>>;
}

export class TestMesh {
  readonly journal = new Journal();
  readonly nodes = new Map<string, RunningNode>();
  readonly http: MeshHttp;
  readonly config: Config;
  readonly links = new LinkTable(1);
  private readonly folder = mkdtempSync(path.join(tmpdir(), "taskmesh-mesh-"));
  private readonly pool = new ClientPool();
  private gateway: RunningGateway | undefined;

  private constructor(
    readonly redis: RedisServer,
    private readonly ports: readonly number[],
    options: MeshOptions,
  ) {
    const [gatewayPort = 0] = ports;
    this.http = new MeshHttp(`http://127.0.0.1:${gatewayPort}`);
    this.config = configSchema.parse({
      mesh: "test",
      chaos: { enabled: true },
      redis: { url: redis.url },
      nodes: { count: options.nodes ?? 3, dataDir: this.folder, ...options.membership },
      gateway: { port: gatewayPort },
      raft: { tickMs: 20 },
      retention: options.retention ?? {},
      worker: { handlers: journalHandlers, leaseMs: 1_500, stopGraceMs: 0, ...options.worker },
    });
  }

  static async start(options: MeshOptions = {}): Promise<TestMesh> {
    const count = options.nodes ?? 3;
    const redis = await RedisServer.start({ appendOnly: true });
    const mesh = new TestMesh(redis, await freePorts(1 + count + SPARE_NODES), options);
    // Where the handlers write is told as it is to the processes of a mesh: by the environment.
    process.env["JOURNAL_FOLDER"] = mesh.journal.folder;
    const ids = Array.from({ length: count }, (_, at) => `n${at + 1}`);
    await Promise.all(ids.map((id) => mesh.startNode(id)));
    mesh.gateway = await startGateway({ config: mesh.config, logger, links: mesh.links });
    await mesh.whole(count);
    return mesh;
  }

  /** Starts a node, or starts it again on the data that it has. */
  async startNode(
    id: string,
    more: Partial<Config> = {},
    signal = new AbortController().signal,
  ): Promise<RunningNode> {
    const port = this.ports[Number(id.slice(1))];
    if (port === undefined) throw new Error(`no port is kept for ${id}`);
    const node = await startNode({
      config: { ...this.config, ...more },
      id,
      port,
      logger,
      links: this.links,
      signal,
    });
    this.nodes.set(id, node);
    return node;
  }

  async stopNode(id: string): Promise<void> {
    const node = this.nodes.get(id);
    this.nodes.delete(id);
    await node?.stop();
  }

  /** gRPC clients of one node. */
  at(id: string): PeerClients {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`${id} does not run`);
    return this.pool.at(node.address);
  }

  /** Id of the node that leads. */
  leader(): Promise<string> {
    return waitFor("there is a leader", async () => {
      const id = (await this.http.cluster()).leader?.id;
      return id !== undefined && this.nodes.has(id) && id;
    });
  }

  /** Id of a node that does not lead. */
  async follower(): Promise<string> {
    const leader = await this.leader();
    const [id] = [...this.nodes.keys()].filter((one) => one !== leader);
    if (id === undefined) throw new Error("there is no follower");
    return id;
  }

  /** So many nodes take work. */
  async whole(count: number): Promise<void> {
    await waitFor(`${count} nodes take work`, async () => {
      const workers = await this.http.workers();
      return workers.filter(({ state }) => state === "active").length === count;
    });
  }

  /** Submits over gRPC to the node that is named, whatever its role. */
  submitAt(id: string, request: Partial<SubmitTaskRequest>): Promise<SubmitTaskResponse> {
    return new Promise((resolve, reject) => {
      const whole = { ...NOTHING_ASKED, ...request };
      this.at(id).tasks.submitTask(whole, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  async close(): Promise<void> {
    await this.gateway?.stop();
    await Promise.all([...this.nodes.keys()].map((id) => this.stopNode(id)));
    this.pool.close();
    await this.redis.stop();
    this.journal.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A mesh of its own for a test file; close it. */
export function startMesh(options: MeshOptions = {}): Promise<TestMesh> {
  return TestMesh.start(options);
}
