// A node's gRPC server: binds, bounds and stops; what it serves is given to it.
import { Server, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";

import { joinHostPort } from "../input/host-port.js";
import { BindFailed, PortTaken } from "./errors.js";
import { readable, type ServedService } from "./readable-requests.js";
import { DEFAULT_SHUTDOWN_GRACE_MS, MAX_MESSAGE_BYTES } from "./limits.js";

export interface GrpcServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly services: readonly ServedService[];
  /** Adds what comes with a definition of its own, such as health and reflection. */
  readonly extend?: readonly ((server: Server) => void)[];
  /** Default: no TLS. */
  readonly credentials?: ServerCredentials;
  /** Default 64 MiB. */
  readonly maxMessageBytes?: number;
}

export interface GrpcServer {
  readonly host: string;
  readonly port: number;
  /** host:port, as other nodes call it. */
  readonly address: string;
  /**
   * Takes no new calls, waits up to `graceMs` (default 5 s) for those under way, then ends them.
   * A second call resolves with the first.
   */
  close(graceMs?: number): Promise<void>;
}

/** Listens; throws PortTaken or BindFailed. */
export async function createGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { host } = options;
  const server = new Server(serverOptions(options.maxMessageBytes ?? MAX_MESSAGE_BYTES));
  for (const service of options.services) {
    const { definition, implementation } = readable(service);
    server.addService(definition, implementation);
  }
  for (const add of options.extend ?? []) add(server);
  const port = await bind(server, host, options.port, options.credentials);
  let closing: Promise<void> | undefined;
  return {
    host,
    port,
    address: joinHostPort(host, port),
    close: (graceMs = DEFAULT_SHUTDOWN_GRACE_MS) => (closing ??= shutDown(server, graceMs)),
  };
}

function serverOptions(maxMessageBytes: number): ServerOptions {
  return {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    // Frees what a peer left behind that vanished without closing its connection.
    "grpc.keepalive_time_ms": 10_000,
    "grpc.keepalive_timeout_ms": 5_000,
    // A channel of one node to another carries long streams and calls side by side.
    "grpc.max_concurrent_streams": 10_000,
  };
}

function bind(
  server: Server,
  host: string,
  port: number,
  credentials = ServerCredentials.createInsecure(),
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(joinHostPort(host, port), credentials, (error, boundPort) => {
      if (error === null) {
        resolve(boundPort);
        return;
      }
      server.forceShutdown();
      // gRPC keeps nothing of the system's error but its text.
      const taken = error.message.includes("EADDRINUSE");
      reject(taken ? new PortTaken(host, port, error) : new BindFailed(host, port, error));
    });
  });
}

function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
