// What handlers have written down, on its way to the leader: many lines to a message. What no leader
// takes stays for the next one, up to a bound; lines past it are let go.
import type { TaskLogLine } from "../../gen/mesh/v1/task_log.js";
import type { TaskLog } from "../../gen/mesh/v1/worker_service.js";

/** What is written within this time travels together. */
const GATHER_MS = 250;
/** Most that waits, and so most of one message, in characters. */
const MAX_WAITING_LENGTH = 524_288;
/** Lines count for more than their text. */
const LINE_OVERHEAD = 64;

export class LogOutbox {
  readonly #send: (logs: readonly TaskLog[]) => boolean;
  /** By task and fence. */
  readonly #logs = new Map<string, TaskLog>();
  #waitingLength = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param send hands lines to the leader; false where none is attached */
  constructor(send: (logs: readonly TaskLog[]) => boolean) {
    this.#send = send;
  }

  /** Keeps a line until the next batch; past the bound of what waits, lines are dropped. */
  add(taskId: string, fence: number, line: TaskLogLine): void {
    const length = line.message.length + line.fields.length + LINE_OVERHEAD;
    if (this.#waitingLength + length > MAX_WAITING_LENGTH) return;
    this.#waitingLength += length;
    const key = `${taskId} ${fence}`;
    const log = this.#logs.get(key) ?? { taskId, fence, lines: [] };
    log.lines.push(line);
    this.#logs.set(key, log);
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Sends what waits, before the report that ends its attempt. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#logs.size === 0 || !this.#send([...this.#logs.values()])) return;
    this.#logs.clear();
    this.#waitingLength = 0;
  }

  /** Drops what waits. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#logs.clear();
  }
}
