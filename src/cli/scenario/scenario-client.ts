// What scenarios ask of the mesh through its gateway, like any client.
import { z } from "zod";
import { ExitError } from "../exit.js";
import { type GatewayClient, gatewayClient } from "../gateway-client.js";
import { observedTask, type ObservedTask } from "./observed-task.js";

/** The queue that the tasks of a scenario go to. */
export const QUEUE = "scenario";

const PAGE_TASKS = 1_000;
const AUDIT_MS = 60_000;

const submitted = z.object({ results: z.array(z.object({ task: z.object({ id: z.string() }) })) });
const page = z.object({ tasks: z.array(observedTask), nextCursor: z.string().nullable() });
const workers = z.object({
  workers: z.array(z.object({ id: z.string(), role: z.string(), state: z.string() })),
});
const cluster = z.object({
  leader: z.object({ id: z.string(), address: z.string(), term: z.number() }).nullable(),
  members: z.array(z.object({ id: z.string(), voter: z.boolean() })),
  commitIndex: z.number(),
  redisAppliedIndex: z.number(),
  redis: z.object({ connected: z.boolean() }),
});
const audit = z.object({ contradictionCount: z.number() });

export type ClusterSight = Readonly<z.infer<typeof cluster>>;
export type WorkerSight = Readonly<z.infer<typeof workers>["workers"][number]>;

/** A task to submit. */
export interface NewTask {
  readonly type: "sleep" | "process";
  readonly data: unknown;
  readonly priority?: "high" | "normal";
}

export class ScenarioClient {
  readonly #gateway: GatewayClient;

  constructor(readonly url: string) {
    this.#gateway = gatewayClient(url);
  }

  /** Ids of the tasks, in their order. */
  async submitAll(tasks: readonly NewTask[]): Promise<readonly string[]> {
    const body = tasks.map((task) => ({ ...task, queue: QUEUE }));
    const answer = await this.#gateway.call("/tasks/batch", { method: "POST", body });
    return submitted.parse(answer).results.map(({ task }) => task.id);
  }

  /** Id of the task. */
  async submit(task: NewTask): Promise<string> {
    const body = { ...task, queue: QUEUE };
    const answer = await this.#gateway.call("/tasks", { method: "POST", body });
    return z.object({ id: z.string() }).parse(answer).id;
  }

  /** Every task of the scenario, newest first. */
  async tasks(): Promise<readonly ObservedTask[]> {
    const found: ObservedTask[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = new URLSearchParams({ queue: QUEUE, limit: String(PAGE_TASKS) });
      if (cursor !== "") query.set("cursor", cursor);
      const answer = page.parse(await this.#gateway.call(`/tasks?${query.toString()}`));
      found.push(...answer.tasks);
      cursor = answer.nextCursor;
    }
    return found;
  }

  async workers(): Promise<readonly WorkerSight[]> {
    return workers.parse(await this.#gateway.call("/workers")).workers;
  }

  async cluster(): Promise<ClusterSight> {
    return cluster.parse(await this.#gateway.call("/cluster"));
  }

  /** Cuts the link between two peers, both ways, for a time. */
  async cut(from: string, to: string, forMs: number): Promise<void> {
    const body = { from, to, both: true, cut: true, forMs };
    const answer = await this.#gateway.call("/chaos/links", { method: "PUT", body });
    const { at } = z.object({ at: z.array(z.string()) }).parse(answer);
    if (at.length < 2)
      throw new ExitError(`the link from ${from} to ${to} is cut at one end alone`);
  }

  /** Heals every link. */
  async heal(): Promise<void> {
    await this.#gateway.call("/chaos/links", { method: "DELETE" });
  }

  /** Contradictions between Redis, the assignment table and the log. */
  async contradictions(): Promise<number> {
    const options = { method: "POST", waitMs: AUDIT_MS } as const;
    return audit.parse(await this.#gateway.call("/cluster/verify", options)).contradictionCount;
  }
}
