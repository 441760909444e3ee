// Holds a log to what was set for queues in it: nothing of a paused queue starts, no more than the
// limit run at a time, and no more start in any window than the rate allows. It counts by itself, and
// shares nothing with the code that decides.
import type { RateLimit } from "../../src/gen/mesh/v1/queue.js";
import type { AssignmentTable } from "../../src/queue/state/assignment-table.js";
import type { CommittedEntry } from "../../src/queue/state/committed-entry.js";

interface Watched {
  paused: boolean;
  concurrency: number;
  rate: RateLimit | undefined;
  /** Times of the starts since the rate was set. */
  starts: number[];
}

export class LimitsWatch {
  readonly #queues = new Map<string, Watched>();

  /** What the entry, just applied to the table, did that it must not. */
  wrongs({ index, batch }: CommittedEntry, table: AssignmentTable): string[] {
    const wrong: string[] = [];
    for (const { kind } of batch?.commands ?? []) {
      if (kind?.$case === "configureQueue") {
        const { name, paused, limits } = kind.value;
        const queue = this.#of(name);
        queue.paused = paused ?? queue.paused;
        if (limits !== undefined) {
          Object.assign(queue, { concurrency: limits.concurrency, rate: limits.rate, starts: [] });
        }
      }
      if (kind?.$case !== "assign") continue;
      for (const { taskId, queue: name } of kind.value.assignments) {
        const queue = this.#of(name);
        queue.starts.push(batch?.atMs ?? 0);
        if (queue.paused) wrong.push(`${taskId} starts at ${index}, its queue ${name} is paused`);
        const running = [...table.all()].filter(({ assignment }) => assignment.queue === name);
        if (queue.concurrency > 0 && running.length > queue.concurrency) {
          wrong.push(`${running.length} of ${name} run at ${index}, not ${queue.concurrency}`);
        }
        if (!isWithin(queue)) wrong.push(`too many of ${name} started until ${index}`);
      }
    }
    return wrong;
  }

  #of(name: string): Watched {
    let queue = this.#queues.get(name);
    queue ??= { paused: false, concurrency: 0, rate: undefined, starts: [] };
    this.#queues.set(name, queue);
    return queue;
  }
}

/** In each window that ends with the last start, a burst and what the rate gives for its length. */
function isWithin({ rate, starts }: Watched): boolean {
  if (rate === undefined) return true;
  const last = starts.at(-1) ?? 0;
  return starts.every((startMs, at) => {
    // The clock counts whole milliseconds: the last one counts as well.
    const given = ((last - startMs + 1) * rate.count) / rate.perMs;
    return starts.length - at < rate.burst + given;
  });
}
