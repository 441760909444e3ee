// GET /events of a real mesh that is hurt meanwhile: the follower misses nothing and hears nothing
// twice.
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectCompletedOnce, submitLoad } from "../support/mesh-load.js";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

interface Told {
  /** Event id: place in the log. */
  readonly at: string;
  readonly id: string;
  readonly status: string;
}

/** A client that comes back with the id of its last event, as browsers do. */
class EventClient {
  readonly told: Told[] = [];
  readonly resets: string[] = [];
  private readonly closing = new AbortController();
  private lastId = "";
  private buffer = "";
  isOpen = false;

  constructor(private readonly url: string) {
    void this.run();
  }

  close(): void {
    this.closing.abort();
  }

  statusesOf(id: string): readonly string[] {
    return this.told.filter((one) => one.id === id).map(({ status }) => status);
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      await this.connect(signal).catch(() => undefined);
      this.isOpen = false;
      this.buffer = "";
      await pause(50, undefined, { signal }).catch(() => undefined);
    }
  }

  private async connect(signal: AbortSignal): Promise<void> {
    const headers = this.lastId === "" ? {} : { "last-event-id": this.lastId };
    const response = await fetch(this.url, { headers, signal });
    const chunks = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = await chunks?.read(); read?.done === false; read = await chunks?.read()) {
      this.isOpen = true;
      const frames = (this.buffer + read.value).split("\n\n");
      this.buffer = frames.pop() ?? "";
      for (const frame of frames) this.take(frame);
    }
  }

  private take(frame: string): void {
    const fields = new Map(
      frame.split("\n").map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)];
      }),
    );
    this.lastId = fields.get("id") ?? this.lastId;
    const data = fields.get("data");
    if (fields.get("event") === "reset") this.resets.push(frame);
    if (fields.get("event") !== "task" || data === undefined) return;
    this.told.push({ ...(JSON.parse(data) as Told), at: this.lastId });
  }
}

interface Load {
  readonly queue: string;
  readonly ids: readonly string[];
}

describe("the stream of events", { timeout: 120_000 }, () => {
  let mesh: MeshProcess;
  beforeAll(async () => {
    mesh = await MeshProcess.start();
  }, 120_000);
  afterAll(() => mesh.close(), 60_000);

  test("has every change once and in order while nodes, the gateway and Redis are killed", async () => {
    const client = new EventClient(`${mesh.http.url}/events?type=process`);
    await waitFor("the events are open", () => client.isOpen);
    const loads: Load[] = [];
    const load = async (queue: string): Promise<void> => {
      const ids = await submitLoad(mesh.http, {
        count: 100,
        queue,
        type: "process",
        batchItems: 10,
      });
      loads.push({ queue, ids });
    };

    await load("quiet");
    process.kill(mesh.nodePid(await mesh.followerId()), "SIGKILL");
    await load("follower-killed");
    process.kill(mesh.nodePid(await mesh.leaderId()), "SIGKILL");
    await load("leader-killed");
    process.kill(mesh.redis().pid, "SIGKILL");
    await load("redis-killed");
    process.kill(mesh.gatewayPid(), "SIGKILL");
    await load("gateway-killed");
    for (const { queue, ids } of loads) await expectCompletedOnce(mesh.http, queue, ids);

    const acknowledged = loads.flatMap(({ ids }) => ids);
    const ends = (): number => client.told.filter(({ status }) => status === "completed").length;
    await waitFor("the client has heard of every end", () => ends() >= acknowledged.length);
    client.close();
    const places = client.told.map(({ at }) => at);
    expect(client.resets).toEqual([]);
    expect(places).toEqual([...new Set(places)].sort(byPlace));
    for (const id of acknowledged) {
      const statuses = client.statusesOf(id);
      expect(statuses.filter((status) => status === "completed")).toHaveLength(1);
      expect([statuses[0], statuses.at(-1)]).toEqual(["pending", "completed"]);
      // Given away as often as it came back.
      expect(statuses.filter((status) => status === "running")).toHaveLength(
        statuses.filter((status) => status === "pending").length,
      );
    }
  });
});

function byPlace(a: string, b: string): number {
  const [indexA = 0, positionA = 0] = a.split("-").map(Number);
  const [indexB = 0, positionB = 0] = b.split("-").map(Number);
  return indexA - indexB || positionA - positionB;
}
