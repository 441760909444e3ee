// The configuration as a process gets it: file, environment, flags and defaults put together, and
// every fault told by its place.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/config/errors.js";
import { maskPassword } from "../../src/config/explain.js";
import { configLeaves } from "../../src/config/leaves.js";
import { loadConfig, type LoadOptions } from "../../src/config/load.js";
import { variableOf } from "../../src/config/environment.js";
import { endpointOf, placeOf } from "../../src/redis/endpoint.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "taskmesh-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(content: unknown, name = "cluster.config.json"): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(
    file,
    typeof content === "string" ? content : JSON.stringify(content, undefined, 2),
  );
  return file;
}

const load = (options: LoadOptions = {}) =>
  loadConfig({ env: {}, cwd: folder, packageRoot: path.join(folder, "no-package"), ...options });

function faultsOf(options: LoadOptions = {}): string[] {
  try {
    load(options);
  } catch (error) {
    if (error instanceof ConfigError) return error.exitLine.split("\n");
    throw error;
  }
  return [];
}

describe("how tasks are spread", () => {
  test("is set in the file or by the environment", () => {
    write({ balancer: { policy: "weighted", weights: ["n1=3"] } });
    const env = {
      TASKMESH_BALANCER_POLICY: "label-aware",
      TASKMESH_BALANCER_AFFINITY: "a=gpu,b=ssd",
    };

    expect(load().config.balancer).toEqual({ policy: "weighted", weights: ["n1=3"], affinity: [] });
    expect(load({ env }).config.balancer).toEqual({
      policy: "label-aware",
      weights: ["n1=3"],
      affinity: ["a=gpu", "b=ssd"],
    });
  });

  test("is refused with its place where it means nothing", () => {
    write({ balancer: { policy: "fastest", weights: ["n1=0"], affinity: ["gpu"] } });

    const faults = faultsOf().join("\n");

    for (const part of ["balancer.policy", "NODE=WEIGHT", "TYPE=LABEL"]) {
      expect(faults).toContain(part);
    }
  });
});

describe("where the configuration comes from", () => {
  test("without a file every value has its default", () => {
    const { config, file } = load();

    expect(file).toBeUndefined();
    expect(config.gateway.port).toBe(5_000);
    expect(config.nodes.dataDir).toBe(path.join(folder, ".taskmesh"));
  });

  test("the file of the working folder goes before that of the package", () => {
    write({ mesh: "here" });
    write({ mesh: "package" }, "package/cluster.config.json");
    const packageRoot = path.join(folder, "package");

    expect(load({ packageRoot }).config.mesh).toBe("here");
    expect(load({ packageRoot, cwd: tmpdir() }).config.mesh).toBe("package");
  });

  test("a file that is named wins, by flag over by variable", () => {
    write({ mesh: "found" });
    write({ mesh: "flag" }, "flag.json");
    write({ mesh: "variable" }, "variable.json");
    const env = { TASKMESH_CONFIG: "variable.json" };

    expect(load({ env }).config.mesh).toBe("variable");
    expect(load({ env, file: "flag.json" }).config.mesh).toBe("flag");
  });

  test("paths of the file are relative to it, those of the environment to the working folder", () => {
    const file = write(
      { nodes: { dataDir: "data" }, worker: { handlers: "./tasks.mjs" } },
      "deep/mesh.json",
    );

    const fromFile = load({ file }).config;
    const fromEnvironment = load({ file, env: { TASKMESH_DATA: "elsewhere" } }).config;

    expect(fromFile.nodes.dataDir).toBe(path.join(folder, "deep/data"));
    expect(fromFile.worker.handlers).toBe(path.join(folder, "deep/tasks.mjs"));
    expect(fromEnvironment.nodes.dataDir).toBe(path.join(folder, "elsewhere"));
  });

  test("the environment wins over the file, and a flag over both", () => {
    write({ nodes: { count: 5 } });
    const env = { TASKMESH_NODES: "7" };
    const flags = [{ variable: "--nodes", path: ["nodes", "count"], value: 9 }];

    expect(load().config.nodes.count).toBe(5);
    expect(load({ env }).config.nodes.count).toBe(7);
    expect(load({ env, flags }).config.nodes.count).toBe(9);
  });
});

describe("environment variables", () => {
  test("values are read by the type of their leaf", () => {
    const { config } = load({
      env: {
        REDIS_URL: "redis://example:6379",
        TASKMESH_GRPC_PORT: "6000",
        TASKMESH_WORKER_LABELS: "gpu, eu",
        TASKMESH_TASKS_ACCEPT_UNKNOWN_TYPES: "true",
        TASKMESH_RETRIES_BACKOFF_JITTER: "0.5",
        TASKMESH_RAFT_TICK_MS: "20",
        TASKMESH_LOG_LEVEL: "debug",
      },
    });

    expect(config.redis.url).toBe("redis://example:6379");
    expect(config.nodes.grpcPort).toBe(6_000);
    expect(config.worker.labels).toEqual(["gpu", "eu"]);
    expect(config.tasks.acceptUnknownTypes).toBe(true);
    expect(config.retries.backoff.jitter).toBe(0.5);
    expect(config.raft.tickMs).toBe(20);
    expect(config.log.level).toBe("debug");
  });

  test("every leaf has a name of its own, and each is refused by that name", () => {
    const names = configLeaves.map((leaf) => variableOf(leaf.path));
    expect(new Set(names).size).toBe(names.length);

    const numeric = configLeaves.filter((leaf) => leaf.type === "integer");
    expect(numeric.length).toBeGreaterThan(20);
    for (const leaf of numeric) {
      const variable = variableOf(leaf.path);
      expect(faultsOf({ env: { [variable]: "many" } })[0]).toContain(`${variable} = "many"`);
    }
  });

  test("a short name wins over the long one, and an empty one counts as not set", () => {
    const env = { TASKMESH_NODES: "4", TASKMESH_NODES_COUNT: "2", TASKMESH_GATEWAY_PORT: "" };

    expect(load({ env }).config.nodes.count).toBe(4);
    expect(load({ env }).config.gateway.port).toBe(5_000);
  });

  test("an unknown name is refused, and the nearest known one suggested", () => {
    expect(faultsOf({ env: { TASKMESH_GATWAY_PORT: "1" } })).toEqual([
      "TASKMESH_GATWAY_PORT: no such variable is known; did you mean TASKMESH_GATEWAY_PORT?",
    ]);
  });
});

describe("a Redis behind sentinels", () => {
  test("is named in the file, each sentinel as a text or as an object", () => {
    const sentinels = ["10.0.0.1:26379", { host: "::1", port: 26_380 }, "[::2]:26381"];
    write({ redis: { sentinels, name: "queue", password: "secret" } });

    expect(endpointOf(load().config)).toEqual({
      sentinels: [
        { host: "10.0.0.1", port: 26_379 },
        { host: "::1", port: 26_380 },
        { host: "::2", port: 26_381 },
      ],
      name: "queue",
      database: 0,
      password: "secret",
    });
  });

  test.each(["redis://host:99999", "redis://user:se/cret@host:99x"])(
    "a Redis URL that is none is told by its name, its password hidden: %s",
    (url) => {
      const [fault, ...more] = faultsOf({ env: { REDIS_URL: url } });

      expect(fault).toContain("REDIS_URL = ");
      expect(fault).toContain("must be redis://[user:password@]host[:port][/database]");
      expect(fault).not.toContain("cret");
      expect(more).toEqual([]);
    },
  );

  test("is named by the environment", () => {
    const env = {
      TASKMESH_REDIS_SENTINELS: "a:1, b:2",
      TASKMESH_REDIS_PASSWORD: "secret",
      TASKMESH_REDIS_SENTINEL_PASSWORD: "other",
    };

    const endpoint = endpointOf(load({ env }).config);

    expect(endpoint).toMatchObject({ name: "mymaster", sentinelPassword: "other" });
    expect(endpoint && placeOf(endpoint)).toBe("mymaster (sentinels a:1, b:2)");
  });

  test("stands in place of a URL, not beside it, and each sentinel has a port", () => {
    write({ redis: { url: "redis://a:1", sentinels: ["a:2"] } });
    expect(faultsOf()[0]).toContain("stands beside redis.url: set one of the two");

    write({ redis: { sentinels: ["a"] } });
    expect(faultsOf()[0]).toContain('must be "host:port" or {"host": …, "port": …}');
  });

  test("keeps its password out of messages", () => {
    write({ redis: { password: ["secret"] } });

    expect(faultsOf()[0]).toContain("redis.password = ***");
  });
});

describe("faults", () => {
  test("each is one line with place, value, problem and remedy, all at once", () => {
    write({ gateway: { port: 99_999, hots: "x" }, log: { level: "loud" }, nodes: { count: 1.5 } });

    expect(faultsOf({ env: { TASKMESH_WORKER_CONCURRENCY: "lots" } })).toEqual([
      "cluster.config.json:10:5 nodes.count = 1.5: is no integer; give an integer from 1 to 50 (Nodes that `taskmesh up` starts; of others, how many form a new mesh together)",
      "cluster.config.json:3:5 gateway.port = 99999: is over 65535; give an integer from 1 to 65535 (HTTP port of the gateway)",
      'cluster.config.json:4:5 gateway.hots: unknown key; did you mean "host"?',
      'TASKMESH_WORKER_CONCURRENCY = "lots": is no number; give an integer from 1 to 1000 (Tasks that a node runs at a time)',
      'cluster.config.json:7:5 log.level = "loud": is none of the known values; give trace, debug, info, warn, error, fatal, silent',
    ]);
  });

  test("malformed JSON is told with line and column", () => {
    const file = write('{\n  "mesh": "a",\n}');

    expect(faultsOf()).toEqual([
      `${file}:3:1: malformed JSON: expected a key in double quotes, or "}"; mend it there`,
    ]);
  });

  test("text that is no UTF-8 is refused in the file and in the environment", () => {
    const file = path.join(folder, "latin1.json");
    writeFileSync(file, Buffer.from('{"nodes":{"dataDir":"donn\u00e9es"}}', "latin1"));
    const garbled = Buffer.from("donn\u00e9es", "latin1").toString("utf8");

    expect(faultsOf({ file })).toEqual([`${file}: is not in UTF-8; save it in UTF-8`]);
    expect(faultsOf({ env: { TASKMESH_DATA: garbled } })).toEqual([
      "TASKMESH_DATA: is not in UTF-8; set it in UTF-8",
    ]);
  });

  test("a named file that is missing is told by its path", () => {
    expect(faultsOf({ file: "none.json" })).toEqual([
      `${path.join(folder, "none.json")}: no such file; name an existing file with --config`,
    ]);
  });

  test("rules between two values are held", () => {
    write({ raft: { heartbeatTicks: 6, electionTicks: 12 } });

    expect(faultsOf()[0]).toContain("raft.electionTicks = 12: must be at least 3 times");
  });

  test("a password never reaches a message", () => {
    const url = "http://user:secret@host:6379";

    expect(faultsOf({ env: { REDIS_URL: url } }).join()).not.toContain("secret");
    expect(maskPassword("redis://user:se:cr/et@host")).toBe("redis://user:***@host");
    expect(maskPassword("redis://host:6379")).toBe("redis://host:6379");
  });
});
