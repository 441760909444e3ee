// The gateway as its clients see it, over HTTP.

export interface TaskView {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly queue: string;
  readonly priority: number;
  readonly status: string;
  readonly attempts: number;
  readonly workerId: string | null;
  readonly fence: number | null;
  readonly result: unknown;
  readonly error: { readonly name: string; readonly message: string } | null;
  readonly progress: number | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly deadlineAt: string | null;
  readonly uniqueKey: string | null;
  readonly waitsFor: readonly string[];
  readonly history: readonly {
    readonly attempt: number;
    readonly workerId: string;
    readonly fence: number;
    readonly outcome: string;
    readonly startedAt: string | null;
    readonly finishedAt: string | null;
  }[];
}

/** As a submission is answered. */
export interface SubmittedView extends TaskView {
  readonly durability: { readonly level: string; readonly index: number };
}

export interface WorkerView {
  readonly id: string;
  readonly address: string;
  readonly role: string;
  readonly state: string;
  readonly pid: number;
  readonly concurrency: number;
  readonly running: number;
  readonly completed: number;
  readonly stalls: number;
  readonly longestStallMs: number;
  readonly reachability: string;
  readonly heldTypes: readonly string[];
  readonly handlerTrouble: string | null;
  readonly blockingTypes: readonly {
    readonly type: string;
    readonly count: number;
    readonly longestMs: number;
  }[];
}

export interface ProblemView {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly field?: string;
}

export interface Counts {
  readonly scheduled: number;
  readonly pending: number;
  readonly running: number;
  readonly completed: number;
  readonly dead: number;
  readonly cancelled: number;
}

export interface ClusterView {
  readonly leader: { readonly id: string; readonly address: string; readonly term: number } | null;
  readonly mesh: string;
  readonly commitIndex: number;
  readonly members: readonly {
    readonly id: string;
    readonly role: string;
    readonly address: string;
    readonly voter: boolean;
    readonly matchIndex: number;
  }[];
  readonly counts: Counts | null;
  readonly redis: { readonly connected: boolean };
}

export interface HealthView {
  readonly status: string;
  readonly reasons: readonly string[];
  readonly leader: { readonly id: string } | null;
  readonly workers: { readonly total: number; readonly active: number };
}

export interface BatchView {
  readonly results: readonly { readonly task?: TaskView; readonly error?: ProblemView }[];
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

const TIMEOUT_MS = 30_000;

export class MeshHttp {
  constructor(readonly url: string) {}

  /** One call; any status is an answer. The body's type is the caller's claim. */
  async call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(this.url + path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = text === "" ? undefined : JSON.parse(text);
    return { status: response.status, headers: response.headers, body: parsed as T };
  }

  /** The body of an answer with a status of 200 or 201. */
  async expectOk<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call<T>(method, path, body);
    if (answer.status === 200 || answer.status === 201) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  submit(task: Readonly<Record<string, unknown>>): Promise<TaskView> {
    return this.expectOk("POST", "/tasks", task);
  }

  task(id: string): Promise<TaskView> {
    return this.expectOk("GET", `/tasks/${id}`);
  }

  /** The task once it has ended; the test's own time limit is the one that counts. */
  async ended(id: string): Promise<TaskView> {
    for (;;) {
      const { status, body, headers } = await this.call<TaskView>("GET", `/tasks/${id}?wait=20s`);
      // As a client does: Redis, or the mesh, may be behind for longer than a call waits.
      const isOfTheMoment = status === 503 && headers.has("retry-after");
      if (status !== 200 && !isOfTheMoment) {
        throw new Error(`GET /tasks/${id}: ${status} ${JSON.stringify(body)}`);
      }
      if (status === 200 && body.finishedAt !== null) return body;
    }
  }

  async workers(): Promise<readonly WorkerView[]> {
    return (await this.expectOk<{ workers: WorkerView[] }>("GET", "/workers")).workers;
  }

  cluster(): Promise<ClusterView> {
    return this.expectOk("GET", "/cluster");
  }

  /** Tasks by state; throws while Redis cannot tell. */
  async counts(): Promise<Counts> {
    const { counts } = await this.cluster();
    if (counts === null) throw new Error("there are no counts");
    return counts;
  }

  /** Every task of a queue, newest first. */
  async tasksOf(queue: string, status?: string): Promise<TaskView[]> {
    const found: TaskView[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = new URLSearchParams({ queue, limit: "1000" });
      if (status !== undefined) query.set("status", status);
      if (cursor !== "") query.set("cursor", cursor);
      const page: { readonly tasks: TaskView[]; readonly nextCursor: string | null } =
        await this.expectOk("GET", `/tasks?${query.toString()}`);
      found.push(...page.tasks);
      cursor = page.nextCursor;
    }
    return found;
  }
}
