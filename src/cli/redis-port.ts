// The port of the Redis that `up` starts: the configured one, else one that is chosen once and stays
// that of its data folder, so that whoever looks into Redis finds it where it was.
import { checkPorts, freePortRun } from "./ports.js";
import { type RedisInfo, readRedisInfo, runsStill } from "./redis-info.js";

const HOST = "127.0.0.1";

/**
 * @param folder data folder of that Redis
 * @param configured `redis.port`
 * @throws ExitError where something else listens on the port
 */
export async function redisPort(folder: string, configured: number | undefined): Promise<number> {
  const known = readRedisInfo(folder);
  const before = known === undefined ? undefined : portOf(known);
  const port = configured ?? before ?? (await freePortRun(1));
  // One that was left behind is stopped before the new one starts.
  const isOwn = known !== undefined && port === before && runsStill(known);
  const setting = `TASKMESH_REDIS_PORT or redis.port`;
  if (!isOwn) await checkPorts([{ host: HOST, port, setting }]);
  return port;
}

function portOf({ url }: RedisInfo): number | undefined {
  const port = URL.canParse(url) ? Number(new URL(url).port) : 0;
  return port > 0 ? port : undefined;
}
