// Load on a mesh, and whether what was acknowledged was also done.
import { expect } from "vitest";
import type { BatchView, MeshHttp } from "./mesh-http.js";
import { waitFor } from "./wait-for.js";

const BATCHES_AT_A_TIME = 4;
const GIVE_UP_AFTER_MS = 45_000;

export interface LoadOptions {
  readonly count: number;
  readonly queue: string;
  readonly type: string;
  readonly batchItems?: number;
  /** Of each task; its number unless it is named. */
  readonly data?: unknown;
  /** Told after each acknowledged batch how many tasks are acknowledged by now. */
  readonly onProgress?: (acknowledged: number) => void;
}

/**
 * Submits so many tasks in batches. Every task carries an idempotency key and what is not
 * acknowledged is sent again, as a client does that wants each task exactly once.
 * @returns ids of the acknowledged tasks, in the order of submission
 */
export async function submitLoad(http: MeshHttp, options: LoadOptions): Promise<string[]> {
  const { count, batchItems = 500 } = options;
  const ids: string[] = new Array<string>(count).fill("");
  let next = 0;
  let acknowledged = 0;
  const submitter = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next = Math.min(next + batchItems, count);
      const batch = await submitBatch(http, options, from, next);
      batch.forEach((id, at) => (ids[from + at] = id));
      acknowledged += batch.length;
      options.onProgress?.(acknowledged);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_A_TIME }, submitter));
  return ids;
}

async function submitBatch(
  http: MeshHttp,
  { queue, type, data }: LoadOptions,
  from: number,
  to: number,
): Promise<string[]> {
  const items = Array.from({ length: to - from }, (_, at) => ({
    type,
    queue,
    data: data ?? from + at,
    idempotencyKey: `${queue}-${from + at}`,
  }));
  const probe = async (): Promise<string[] | false> => {
    const { status, body } = await http.call<BatchView>("POST", "/tasks/batch", items);
    if (status !== 200) throw new Error(`status ${status}: ${JSON.stringify(body)}`);
    const ids = body.results.flatMap(({ task }) => (task === undefined ? [] : [task.id]));
    if (ids.length < items.length) {
      throw new Error(JSON.stringify(body.results.find(({ error }) => error !== undefined)));
    }
    return ids;
  };
  return waitFor(`tasks ${from} to ${to} of ${queue} are acknowledged`, probe, GIVE_UP_AFTER_MS);
}

/** Waits until the mesh's record shows each task completed, and each exactly once. */
export async function expectCompletedOnce(
  http: MeshHttp,
  queue: string,
  acknowledged: readonly string[],
): Promise<void> {
  const completed = await waitFor(
    `${acknowledged.length} tasks of ${queue} are completed`,
    async () => {
      // The counts are cheap; the tasks are read only where they may be all there.
      const { pending, running, scheduled } = await http.counts();
      if (pending + running + scheduled > 0) throw new Error(`${pending} pending, ${running} run`);
      const tasks = await http.tasksOf(queue, "completed");
      if (tasks.length < acknowledged.length) throw new Error(`${tasks.length} are completed`);
      return tasks;
    },
    60_000,
  );
  const ids = new Set(completed.map(({ id }) => id));
  expect(completed).toHaveLength(acknowledged.length);
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
  const notOnce = completed.filter(
    ({ history }) => history.filter(({ outcome }) => outcome === "completed").length !== 1,
  );
  expect(notOnce).toEqual([]);
}
