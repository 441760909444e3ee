// Writes down in Redis what handlers say, beside what the log decides.
import type { Redis } from "ioredis";
import { TaskLogLine } from "../../gen/mesh/v1/task_log.js";
import { BackgroundWrites } from "./background-writes.js";
import { callRedis } from "./errors.js";
import type { RedisKeys } from "./keys.js";
import { RedisScript } from "./script.js";

/** Lines of one write: some milliseconds of Redis's time. */
const MAX_LINES_PER_WRITE = 1_000;
/** Bytes that wait for a write; past it new lines are let go. */
const MAX_WAITING_BYTES = 4_194_304;

const logScript = new RedisScript("log.lua");

/** Lines of one attempt. */
export interface AttemptLines {
  readonly taskId: string;
  readonly lines: readonly TaskLogLine[];
}

interface WaitingLine {
  readonly taskId: string;
  readonly line: Buffer;
}

export class LogWriter {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  #waiting: WaitingLine[] = [];
  #waitingBytes = 0;
  readonly #writes = new BackgroundWrites({
    isEmpty: () => this.#waiting.length === 0,
    writeSome: () => this.#writeSome(),
    letGo: () => this.#letGo(),
  });

  constructor(redis: Redis, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Takes lines to be written soon; past the bound of what waits they are dropped. */
  keep(all: readonly AttemptLines[]): void {
    for (const { taskId, lines } of all) {
      for (const each of lines) {
        const line = Buffer.from(TaskLogLine.encode(each).finish());
        if (this.#waitingBytes + line.length > MAX_WAITING_BYTES) return;
        this.#waitingBytes += line.length;
        this.#waiting.push({ taskId, line });
      }
    }
    this.#writes.wake();
  }

  async #writeSome(): Promise<void> {
    const some = this.#waiting.splice(0, MAX_LINES_PER_WRITE);
    for (const { line } of some) this.#waitingBytes -= line.length;
    const args = argumentsOf(some);
    await callRedis(() => logScript.run(this.#redis, this.#keys.prefix, args));
  }

  #letGo(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

/** Id, count and lines of each task. */
function argumentsOf(lines: readonly WaitingLine[]): (string | number | Buffer)[] {
  const byTask = new Map<string, Buffer[]>();
  for (const { taskId, line } of lines) {
    const own = byTask.get(taskId);
    if (own === undefined) byTask.set(taskId, [line]);
    else own.push(line);
  }
  return [...byTask].flatMap(([taskId, own]) => [taskId, own.length, ...own]);
}
