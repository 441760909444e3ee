// Asks nodes and gateway whether they do their work, the way a probe from outside would.
import { credentials, Client } from "@grpc/grpc-js";

const PROBE_TIMEOUT_MS = 1_000;
const HEALTH_CHECK = "/grpc.health.v1.Health/Check";
// HealthCheckResponse with status SERVING: field 1, varint, value 1.
const SERVING = Buffer.from([0x08, 0x01]);

/** undefined if the node's gRPC health is SERVING, else the reason why it is not ready. */
export function nodeNotReady(address: string): Promise<string | undefined> {
  const client = new Client(address, credentials.createInsecure());
  return new Promise((resolve) => {
    client.makeUnaryRequest<null, Buffer>(
      HEALTH_CHECK,
      () => Buffer.alloc(0), // HealthCheckRequest for the whole server: every field empty.
      (bytes) => bytes,
      null,
      { deadline: Date.now() + PROBE_TIMEOUT_MS },
      (error, answer) => {
        client.close();
        if (error !== null) resolve(error.details);
        else resolve(answer !== undefined && answer.equals(SERVING) ? undefined : "not serving");
      },
    );
  });
}

/** undefined if the gateway says that it is ready, else the reason why not. */
export async function gatewayNotReady(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/health/ready`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok ? undefined : `status ${response.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
