// A gateway in front of fake nodes that share one log, as a small library for tests.
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { configSchema } from "../../src/config/schema.js";
import type { NodeRecord } from "../../src/discovery/node-record.js";
import { MeshClient } from "../../src/gateway/mesh-client.js";
import { buildServer, type ServerBounds } from "../../src/gateway/server.js";
import type { Task } from "../../src/gen/mesh/v1/task.js";
import { FakeNode } from "./fake-node.js";

export interface FakeMeshOptions {
  readonly nodes?: number;
  readonly retryForMs?: number;
  readonly limits?: {
    readonly batchItems?: number;
    readonly bodyBytes?: number;
    readonly waitMs?: number;
    readonly eventClients?: number;
    readonly bodiesBytes?: number;
    readonly batchBodyBytes?: number;
  };
  readonly bounds?: Partial<ServerBounds>;
}

export class FakeMesh {
  readonly tasks = new Map<string, Task>();
  readonly operations = new Map<string, Task>();
  readonly stopping = new AbortController();
  readonly nodes: readonly FakeNode[];
  readonly app: FastifyInstance;
  /** What the registry says. */
  readonly directory = {
    nodes: [] as NodeRecord[],
    formation: undefined,
    redisError: undefined as string | undefined,
    records(): readonly NodeRecord[] {
      return this.nodes;
    },
  };
  readonly #client: MeshClient;
  #url: Promise<string> | undefined;

  private constructor(options: FakeMeshOptions) {
    const names = ["n1", "n2", "n3"].slice(0, options.nodes ?? 3);
    this.nodes = names.map((id) => new FakeNode(id, this.tasks, this.operations));
    const { directory } = this;
    this.#client = new MeshClient({ directory, retryForMs: options.retryForMs ?? 5_000 });
    this.app = buildServer({
      mesh: this.#client,
      config: configSchema.parse({ limits: options.limits ?? {} }),
      directory,
      stopping: this.stopping.signal,
      logger: pino({ level: "silent" }),
      ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
    });
  }

  static async start(options: FakeMeshOptions = {}): Promise<FakeMesh> {
    const mesh = new FakeMesh(options);
    await Promise.all(mesh.nodes.map((node) => node.start()));
    mesh.directory.nodes = mesh.nodes.map(recordOf);
    mesh.elect("n1");
    mesh.#client.start();
    return mesh;
  }

  node(id: string): FakeNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  /** From now on `id` leads, in a new term, and every node knows it. */
  elect(id: string): void {
    const { address } = this.node(id);
    for (const node of this.nodes) {
      node.leader = { id, address };
      node.members = this.nodes.map((member) => ({ id: member.id, address: member.address }));
      node.term += 1;
    }
  }

  /** Nobody leads. */
  depose(): void {
    for (const node of this.nodes) {
      node.leader = { id: "", address: "" };
      node.behaviour = "no_leader";
    }
  }

  /** Ids of all items of all submissions that reached a node. */
  submittedIds(): readonly string[] {
    return this.nodes.flatMap((node) =>
      node.submissions.flatMap(({ items }) => items.map(({ id }) => id)),
    );
  }

  /** A URL at which the gateway listens. */
  listen(): Promise<string> {
    return (this.#url ??= this.app.listen({ host: "127.0.0.1", port: 0 }));
  }

  async close(): Promise<void> {
    this.stopping.abort(new Error("the test is over"));
    this.app.server.closeAllConnections();
    await this.app.close();
    this.#client.stop();
    for (const node of this.nodes) node.kill();
  }
}

function recordOf(node: FakeNode): NodeRecord {
  return {
    id: node.id,
    address: node.address,
    concurrency: 20,
    labels: [],
    types: ["process"],
    version: "0.1.0",
    meshId: "mesh-a",
    host: "test",
    pid: 7,
    startedAtMs: 0,
    draining: false,
  };
}
