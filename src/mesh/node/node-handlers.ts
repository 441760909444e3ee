// Where the handlers of a node run: its built-in types, the threads, and the host of the user's module.
import { availableParallelism } from "node:os";
import type { Config } from "../../config/schema.js";
import type { WorkerHello } from "../../gen/mesh/v1/worker_service.js";
import type { Logger } from "../../telemetry/logger.js";
import {
  createHandlerRegistry,
  type HandlerRegistry,
  type RegisteredType,
} from "../../worker/handler-registry.js";
import { HostSupervisor } from "../../worker/supervision/host-supervisor.js";
import { ThreadPool } from "../../worker/threads/thread-pool.js";

/** Signs of life of the handler host in one lease. */
const BEATS_PER_LEASE = 4;
const MIN_BEAT_MS = 50;

/**
 * Starts the handler host, where the config names a module; its types are known when this resolves.
 *
 * @throws UserModuleError
 */
export async function startHost(
  { worker, nodes }: Config,
  logger: Logger,
): Promise<HostSupervisor | undefined> {
  if (worker.handlers === undefined) return undefined;
  return HostSupervisor.start({
    isolation: worker.isolation,
    userModule: worker.handlers,
    heapMb: nodes.heapMb,
    beatMs: Math.max(MIN_BEAT_MS, Math.floor(worker.leaseMs / BEATS_PER_LEASE)),
    maxBlockMs: worker.maxBlockMs,
    abortGraceMs: worker.threads.abortGraceMs,
    logger,
  });
}

/** The built-in types and the user's. */
export function registryOf(host: HostSupervisor | undefined): HandlerRegistry {
  const userTypes = (host?.types ?? []).map(({ name, thread }): [string, RegisteredType] => [
    name,
    { place: thread ? "thread" : "host" },
  ]);
  return createHandlerRegistry(new Map(userTypes));
}

/** Threads, of which none is started before it is needed. */
export function createThreads({ worker, nodes }: Config): ThreadPool {
  const { max = Math.min(worker.concurrency, availableParallelism()), abortGraceMs } =
    worker.threads;
  return new ThreadPool({
    maxThreads: max,
    abortGraceMs,
    heapMb: nodes.heapMb,
    userModule: worker.handlers,
  });
}

/** What the leader is told of the handler host. */
export function hostHello(
  host: HostSupervisor | undefined,
): Pick<WorkerHello, "heldTypes" | "handlerTrouble" | "blockingTypes"> {
  const { isHeld = false, trouble = "", blockingTypes = [] } = host?.status() ?? {};
  const hosted = (host?.types ?? []).filter(({ thread }) => !thread).map(({ name }) => name);
  return {
    heldTypes: isHeld ? hosted : [],
    handlerTrouble: trouble,
    blockingTypes: [...blockingTypes],
  };
}
