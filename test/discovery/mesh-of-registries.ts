// Registries as a mesh's processes hold them, on quick timings, closed together at a test's end.
import { pino } from "pino";
import type { NodeRecord } from "../../src/discovery/node-record.js";
import { Registry, type RegistryOptions } from "../../src/discovery/registry.js";
import type { OwnMesh, RegistryWriter } from "../../src/discovery/registry-writer.js";

export const silent = pino({ level: "silent" });

export function recordOf(id: string): Omit<NodeRecord, "meshId"> {
  return {
    id,
    address: `127.0.0.1:${50_000 + Number(id.slice(1))}`,
    concurrency: 20,
    labels: ["gpu"],
    types: ["process"],
    version: "0.1.0",
    host: "test",
    pid: process.pid,
    startedAtMs: 1_700_000_000_000,
    draining: false,
  };
}

export class RegistryBench {
  readonly #url: string;
  readonly #registries: Registry[] = [];
  readonly #writers: RegistryWriter[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async registry(options: Partial<RegistryOptions> = {}): Promise<Registry> {
    const registry = new Registry({
      mesh: "test",
      redis: { endpoint: { url: this.#url }, commandTimeoutMs: 1_000 },
      logger: silent,
      ttlMs: 1_500,
      heartbeatMs: 200,
      refreshMs: 300,
      missingGraceMs: 600,
      ...options,
    });
    this.#registries.push(registry);
    await registry.start();
    return registry;
  }

  async node(id: string, mesh?: OwnMesh): Promise<{ registry: Registry; writer: RegistryWriter }> {
    const registry = await this.registry();
    const writer = registry.writer(recordOf(id), mesh);
    this.#writers.push(writer);
    await writer.start();
    return { registry, writer };
  }

  async close(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
    for (const registry of this.#registries) registry.close();
  }
}
