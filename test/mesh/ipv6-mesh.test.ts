// A mesh whose nodes and gateway listen on an IPv6 address.
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { startGateway } from "../../src/gateway/gateway.js";
import { joinHostPort } from "../../src/input/host-port.js";
import { createLogger } from "../../src/telemetry/logger.js";
import { MeshHttp } from "../support/mesh-http.js";
import { startMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

const HOST = "::1";

const hasLoopback = await new Promise<boolean>((resolve) => {
  const server = createServer().once("error", () => resolve(false));
  server.listen(0, HOST, () => server.close(() => resolve(true)));
});

describe.skipIf(!hasLoopback)("a mesh on ::1 (needs IPv6 on the loopback interface)", () => {
  test("forms, says so with brackets, and runs tasks through a gateway on ::1", async () => {
    const mesh = await startMesh({ membership: { host: HOST } });
    const logger = createLogger({ log: { level: "silent", format: "json" } });
    const gatewayOf = { ...mesh.config.gateway, host: HOST };
    const gateway = await startGateway({
      config: { ...mesh.config, gateway: gatewayOf },
      logger,
    });
    try {
      const http = new MeshHttp(`http://${joinHostPort(gateway.host, gateway.port)}`);
      await waitFor("the gateway knows the mesh", async () => {
        return (await http.call<{ status: string }>("GET", "/health")).body.status === "healthy";
      });
      const { id } = await http.submit({ type: "hold", data: { ms: 0 } });
      await waitFor("it completed", async () => (await http.task(id)).status === "completed");

      const { members } = await http.expectOk<{ members: { address: string }[] }>(
        "GET",
        "/cluster",
      );
      for (const { address } of members) expect(address).toMatch(/^\[::1\]:\d+$/);
      expect(members).toHaveLength(3);
    } finally {
      await gateway.stop();
      await mesh.close();
    }
  }, 60_000);
});
