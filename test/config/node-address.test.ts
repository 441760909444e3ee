// Where nodes listen and where they are reached, by the configuration.
import { describe, expect, it } from "vitest";
import { advertisedPort, gatewayUrl, nodeAddress, nodePlaces } from "../../src/cli/places.js";
import { loadConfig } from "../../src/config/load.js";
import { configSchema } from "../../src/config/schema.js";
import { advertisedAddress } from "../../src/mesh/node/node-parts.js";

const parse = (nodes: object) => configSchema.safeParse({ nodes });

describe("the address of a node", () => {
  it("is where it listens, unless it is told another", () => {
    expect(advertisedAddress(configSchema.parse({}), 50_051)).toBe("127.0.0.1:50051");
    const nodes = { host: "::", advertise: { host: "n1.example", port: 30_000 } };
    expect(advertisedAddress(configSchema.parse({ nodes }), 50_051)).toBe("n1.example:30000");
    const host = "2001:db8::1";
    expect(advertisedAddress(configSchema.parse({ nodes: { host } }), 1)).toBe("[2001:db8::1]:1");
  });

  it.each(["0.0.0.0", "::", "0:0:0:0:0:0:0:0"])(
    "is never every address of the machine: %s",
    (host) => {
      const [issue] = parse({ host }).error?.issues ?? [];
      expect(issue?.path).toEqual(["nodes", "host"]);
      expect(issue?.message).toContain("set nodes.advertise.host, too");
      expect(parse({ host, advertise: { host: "n1" } }).success).toBe(true);
      const path = ["nodes", "advertise", "host"];
      expect(parse({ advertise: { host } }).error?.issues[0]?.path).toEqual(path);
    },
  );

  it.each(["[::1]", "host:80", "a b", ""])("has a host without port and brackets: %s", (host) => {
    expect(parse({ host }).success).toBe(false);
    expect(configSchema.safeParse({ gateway: { host } }).success).toBe(false);
  });

  it("counts the advertised port up as `up` counts up its own", () => {
    const config = configSchema.parse({ nodes: { advertise: { port: 30_000 }, grpcPort: 100 } });
    const ports = nodePlaces(config).map((place) => advertisedPort(config, place));
    expect(ports).toEqual([30_000, 30_001, 30_002]);
  });

  it("comes from the environment, as the name does", () => {
    const env = {
      TASKMESH_NODES_HOST: "0.0.0.0",
      TASKMESH_NODES_ADVERTISE_HOST: "n7.example",
      TASKMESH_NODES_ADVERTISE_PORT: "31000",
      TASKMESH_NODE_ID: "n7",
    };
    const { config } = loadConfig({ env, cwd: "/", packageRoot: "/" });
    expect(config.nodes.id).toBe("n7");
    expect(advertisedAddress(config, 50_051)).toBe("n7.example:31000");
  });

  it.each(["../n1", "", ".n1", "n 1", "x".repeat(64)])(
    "belongs to a node with a name: %s",
    (id) => {
      expect(parse({ id }).success).toBe(false);
    },
  );
});

describe("this machine", () => {
  it("is reached at its loopback address where something listens on every address", () => {
    const config = (host: string) =>
      configSchema.parse({ nodes: { host, advertise: { host: "n1" } }, gateway: { host } });
    expect(nodeAddress(config("0.0.0.0"), 1)).toBe("127.0.0.1:1");
    expect(nodeAddress(config("::"), 1)).toBe("[::1]:1");
    expect(gatewayUrl(config("::1"))).toBe("http://[::1]:5000");
    expect(gatewayUrl(config("::"))).toBe("http://[::1]:5000");
  });
});
