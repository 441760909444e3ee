// Asks nodes and gateway whether they do their work, the way a probe from outside would.
import { credentials, Client } from "@grpc/grpc-js";
import { callUnary, type UnaryStub } from "../api/unary-client.js";

const PROBE_TIMEOUT_MS = 1_000;
const HEALTH_CHECK = "/grpc.health.v1.Health/Check";
// HealthCheckResponse with status SERVING: field 1, varint, value 1.
const SERVING = Buffer.from([0x08, 0x01]);

/** undefined if the node's gRPC health is SERVING, else the reason why it is not ready. */
export async function nodeNotReady(address: string): Promise<string | undefined> {
  const client = new Client(address, credentials.createInsecure());
  // HealthCheckRequest for the whole server: every field empty.
  const empty = (): Buffer => Buffer.alloc(0);
  const check: UnaryStub<null, Buffer | undefined> = (...call) =>
    client.makeUnaryRequest(HEALTH_CHECK, empty, (bytes: Buffer) => bytes, ...call);
  const answer = await callUnary(check, null, { deadlineMs: Date.now() + PROBE_TIMEOUT_MS });
  client.close();
  if (answer.error !== null) return answer.error.details;
  return answer.response?.equals(SERVING) === true ? undefined : "not serving";
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
