// Clients that submit, look at, cancel and run again a few tasks at a time, and write down each call with
// its times and what they were told.
import { setTimeout as pause } from "node:timers/promises";
import type { Prng } from "../simulation/prng.js";
import type { Answer, MeshHttp, ProblemView, TaskView } from "../support/mesh-http.js";
import type { LifeCall, LifeOperation, LifeOutcome, LifeState } from "./task-life.js";

/** Tasks that the clients play with; a new one takes the place of the oldest. */
const MAX_SHARED = 8;
const MAX_RUN_MS = 400;
const MAX_PAUSE_MS = 60;
/** Answers with which a call surely was not done. */
const NOT_DONE: readonly string[] = ["no_leader", "no_node"];

/** One task from its first submission on, known by its idempotency key. */
export interface Life {
  readonly key: string;
  readonly endsAs: "completed" | "dead";
  id: string | undefined;
  readonly operations: LifeOperation[];
  /** Calls that were told something else when they were repeated with their key. */
  readonly contradictions: string[];
}

type Reply = Answer<
  Partial<TaskView> & Partial<ProblemView> & { readonly ids?: readonly string[] }
>;

const ANY: readonly LifeState[] = ["live", "completed", "dead", "cancelled"];

export class LifeClients {
  readonly #http: MeshHttp;
  readonly #random: Prng;
  readonly lives: Life[] = [];
  #shared: Life[] = [];
  #stopped = false;
  #calls = 0;
  readonly #running: Promise<void>[] = [];

  constructor(http: MeshHttp, random: Prng) {
    this.#http = http;
    this.#random = random;
  }

  get calls(): number {
    return this.#calls;
  }

  start(clients: number): void {
    for (let client = 0; client < clients; client += 1) this.#running.push(this.#run());
  }

  /** Resolves when every call under way is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** A last look at each, once the mesh is whole again. */
  async lookAtAll(): Promise<void> {
    for (const life of this.lives) await this.#read(life);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const life = this.#shared[this.#random.below(Math.max(1, this.#shared.length))];
      const choice = this.#random.below(100);
      if (life === undefined || choice < 12) await this.#submitNew();
      else if (choice < 20 || life.id === undefined) await this.#submit(life);
      else await this.#act(life, life.id, choice);
      await pause(this.#random.below(MAX_PAUSE_MS));
    }
  }

  #act(life: Life, id: string, choice: number): Promise<void> {
    if (choice < 50) return this.#read(life);
    if (choice < 68) return this.#change(life, "cancel", "DELETE", `/tasks/${id}`);
    if (choice < 90) return this.#change(life, "retry", "POST", `/tasks/${id}/retry`);
    const ids = { ids: [id] };
    if (choice < 96) return this.#change(life, "retry-dead", "POST", "/dead-letters/retry", ids);
    return this.#change(life, "drop-dead", "DELETE", "/dead-letters", ids);
  }

  async #submitNew(): Promise<void> {
    const endsAs = this.#random.chance(0.5) ? "completed" : "dead";
    const key = `life-${this.lives.length}-${this.#random.below(2 ** 31)}`;
    const life: Life = { key, endsAs, id: undefined, operations: [], contradictions: [] };
    this.lives.push(life);
    this.#shared = [...this.#shared.slice(1 - MAX_SHARED), life];
    await this.#submit(life);
  }

  async #submit(life: Life): Promise<void> {
    const ms = Number.parseInt(life.key.split("-")[2] ?? "0", 10) % MAX_RUN_MS;
    const task =
      life.endsAs === "completed"
        ? { type: "sleep", data: { ms } }
        : { type: "fail", data: { times: 1_000 }, maxAttempts: 1 };
    await this.#call(life, "submit", "POST", "/tasks", task, life.key);
  }

  async #read(life: Life): Promise<void> {
    if (life.id === undefined) return;
    await this.#call(life, "read", "GET", `/tasks/${life.id}?consistency=linearizable`);
  }

  /** Some of them with a key, and of these some are repeated, as by a client that lost the answer. */
  async #change(
    life: Life,
    call: LifeCall,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<void> {
    const key = this.#random.chance(0.5) ? `change-${this.#random.below(2 ** 31)}` : undefined;
    const first = await this.#call(life, call, method, path, body, key);
    if (key === undefined || this.#random.chance(0.5)) return;
    await pause(this.#random.below(200));
    const { operation, reply } = await this.#send(life, call, method, path, body, key);
    if (operation === undefined) return;
    if (first.outcome.kind === "unknown") {
      // Both are one: it was done at some moment from the start of the first on.
      const at = life.operations.indexOf(first);
      if (operation.outcome.kind === "unknown") return;
      life.operations[at] = { ...operation, startMs: first.startMs };
    } else if (
      operation.outcome.kind !== "unknown" &&
      operation.outcome.kind !== first.outcome.kind
    ) {
      const told = `${operation.outcome.kind} (${reply?.status ?? 0})`;
      life.contradictions.push(`${call} was ${first.outcome.kind}, and with the same key ${told}`);
    }
  }

  /** What is written down of it; of one that surely was not done, nothing. */
  async #call(
    life: Life,
    call: LifeCall,
    method: string,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<LifeOperation> {
    const { operation, never } = await this.#send(life, call, method, path, body, key);
    if (operation === undefined) return never;
    life.operations.push(operation);
    return operation;
  }

  async #send(
    life: Life,
    call: LifeCall,
    method: string,
    path: string,
    body: unknown,
    key: string | undefined,
  ): Promise<{
    readonly operation: LifeOperation | undefined;
    readonly never: LifeOperation;
    readonly reply: Reply | undefined;
  }> {
    this.#calls += 1;
    const startMs = performance.now();
    const headers = key === undefined ? {} : { "idempotency-key": key };
    const reply: Reply | undefined = await this.#http
      .call<Reply["body"]>(method, path, body, headers)
      .catch(() => undefined);
    const endMs = performance.now();
    const never: LifeOperation = { call, startMs, endMs, outcome: { kind: "refused" } };
    const isNotDone = reply !== undefined && NOT_DONE.includes(reply.body.code ?? "");
    const outcome =
      reply === undefined ? ({ kind: "unknown" } as const) : outcomeOf(call, life, reply);
    if (isNotDone || (outcome.kind === "unknown" && call === "read")) {
      return { operation: undefined, never, reply };
    }
    const operation = {
      call,
      startMs,
      endMs: outcome.kind === "unknown" ? Infinity : endMs,
      outcome,
    };
    return { operation, never, reply };
  }
}

function outcomeOf(call: LifeCall, life: Life, { status, body }: Reply): LifeOutcome {
  if (call === "submit" && (status === 200 || status === 201)) life.id ??= body.id;
  switch (status) {
    case 201:
      return { kind: "done" };
    case 200:
      if (call === "retry-dead" || call === "drop-dead") {
        return { kind: body.ids?.includes(life.id ?? "") === true ? "done" : "refused" };
      }
      // How a known task stands comes with the answer, and may be older than it.
      if (call === "submit") return { kind: "seen", states: ANY };
      return call === "read" ? { kind: "seen", states: [stateOf(body.status)] } : { kind: "done" };
    case 404:
      return { kind: "seen", states: ["absent", "removed"] };
    case 410:
      return { kind: "seen", states: ["removed"] };
    case 409:
      return { kind: "refused" };
    default:
      return { kind: "unknown" };
  }
}

function stateOf(status: string | undefined): LifeState {
  switch (status) {
    case "completed":
    case "dead":
    case "cancelled":
      return status;
    default:
      return "live";
  }
}
