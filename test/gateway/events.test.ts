// GET /events: every change once, in order, whatever node it comes from.
import { afterEach, describe, expect, it } from "vitest";
import { TaskStatus } from "../../src/gen/mesh/v1/task.js";
import { positionAfter } from "../../src/gateway/event-stream.js";
import { until } from "../discovery/until.js";
import { FakeMesh, type FakeMeshOptions } from "./fake-mesh.js";
import { type FakeNode, NO_CHANGE } from "./fake-node.js";

let mesh: FakeMesh | undefined;
const clients: AbortController[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.abort();
  await mesh?.close();
  mesh = undefined;
});

async function listening(options: FakeMeshOptions = {}): Promise<{ mesh: FakeMesh; url: string }> {
  mesh = await FakeMesh.start(options);
  return { mesh, url: await mesh.listen() };
}

interface Client {
  readonly status: number;
  /** All that was received so far. */
  readonly text: () => string;
  readonly hangUp: () => void;
}

async function follow(url: string, headers: Record<string, string> = {}): Promise<Client> {
  const controller = new AbortController();
  clients.push(controller);
  const response = await fetch(url, { headers, signal: controller.signal });
  let text = "";
  const read = async (): Promise<void> => {
    const chunks = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = await chunks?.read(); read?.done === false; read = await chunks?.read()) {
      text += read.value;
    }
  };
  // Hanging up is how a client ends.
  read().catch(() => undefined);
  return { status: response.status, text: () => text, hangUp: () => controller.abort() };
}

/** Event ids of the changes that a client was told of. */
function told(client: Client): readonly string[] {
  return [...client.text().matchAll(/^id: (.+)\nevent: task$/gm)].map(([, id]) => id ?? "");
}

function tell(node: FakeNode, index: number, positions: readonly number[]): void {
  const changes = positions.map((position) => ({
    ...NO_CHANGE,
    id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    status: TaskStatus.COMPLETED,
    index,
    position,
    atMs: 1_000,
    workerId: "n2",
    attempt: 1,
    type: "process",
    queue: "default",
  }));
  node.watches.at(-1)?.write({ ...NO_CHANGE, index: index + 1, changes });
}

/** The node that serves the newest watch, once there are `count` in all. */
async function serving(target: FakeMesh, count: number): Promise<FakeNode> {
  const all = (): number => target.nodes.reduce((sum, { watches }) => sum + watches.length, 0);
  const open = (node: FakeNode): boolean => node.watches.at(-1)?.cancelled === false;
  await until(() => all() === count && target.nodes.some(open));
  const node = target.nodes.find(open);
  if (node === undefined) throw new Error("no node serves a watch");
  return node;
}

describe("GET /events", () => {
  it("tells each change as an event with its place in the log", async () => {
    const { mesh: target, url } = await listening();
    const client = await follow(`${url}/events?type=process&queue=default`);
    const node = await serving(target, 1);

    tell(node, 7, [0, 1]);

    await until(() => told(client).length === 2);
    expect(client.status).toBe(200);
    expect(told(client)).toEqual(["7-0", "7-1"]);
    expect(client.text()).toContain(
      'data: {"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","type":"process","queue":"default",' +
        '"status":"completed","attempt":1,"workerId":"n2","at":"1970-01-01T00:00:01.000Z","index":7}',
    );
    expect(node.watches[0]?.request).toMatchObject({ type: "process", queue: "default" });
  });

  it("goes on behind the last change with another node when its node dies", async () => {
    const { mesh: target, url } = await listening();
    const client = await follow(`${url}/events`);
    const first = await serving(target, 1);
    tell(first, 7, [0, 1]);
    await until(() => told(client).length === 2);

    first.kill();
    const second = await serving(target, 2);
    tell(second, 8, [0]);

    await until(() => told(client).length === 3);
    expect(second.watches.at(-1)?.request).toMatchObject({ fromIndex: 8, fromPosition: 0 });
    expect(told(client)).toEqual(["7-0", "7-1", "8-0"]);
  });

  it("goes on where the client that comes back stopped, inside an entry too", async () => {
    const { mesh: target, url } = await listening();

    await follow(`${url}/events?from=3`, { "Last-Event-ID": "12-4" });

    const node = await serving(target, 1);
    expect(node.watches[0]?.request).toMatchObject({ fromIndex: 12, fromPosition: 5 });
  });

  it("says where it goes on when the changes asked for are not kept any more", async () => {
    const { mesh: target, url } = await listening();
    for (const node of target.nodes) node.oldestIndex = 50;

    const client = await follow(`${url}/events?from=3`);
    const node = await serving(target, 2);
    tell(node, 50, [0]);

    await until(() => told(client).length === 1);
    expect(client.text()).toContain('id: 49\nevent: reset\ndata: {"oldestIndex":50}');
  });

  it("is over for the node when the client hangs up", async () => {
    const { mesh: target, url } = await listening();
    const client = await follow(`${url}/events`);
    const node = await serving(target, 1);

    client.hangUp();

    await until(() => node.watches[0]?.cancelled === true);
  });

  it("takes a bounded number of clients, and the next when one has gone", async () => {
    const { mesh: target, url } = await listening({ limits: { eventClients: 1 } });
    const client = await follow(`${url}/events`);
    await serving(target, 1);

    const refused = await fetch(`${url}/events`);

    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("5");
    client.hangUp();
    await until(async () => (await follow(`${url}/events`)).status === 200);
  });

  it.each([
    ["?from=-1", {}, "from"],
    ["?colour=red", {}, "colour"],
    ["", { "Last-Event-ID": "yesterday" }, "Last-Event-ID"],
  ])("refuses %s %o naming the field", async (query, headers, field) => {
    const { url } = await listening();

    const response = await fetch(`${url}/events${query}`, { headers });

    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "invalid_field", field });
  });

  it("is answered with 503 where no node can be reached", async () => {
    const { mesh: target, url } = await listening({ retryForMs: 0 });
    for (const node of target.nodes) node.kill();

    const response = await fetch(`${url}/events`);

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "no_node" });
  });
});

describe("an event id", () => {
  it.each([
    ["12-4", { index: 12, position: 5 }],
    ["12", { index: 13, position: 0 }],
    ["", undefined],
    ["12-", undefined],
    ["1e3", undefined],
  ])("%o leads on to %o", (id, position) => {
    expect(positionAfter(id)).toEqual(position);
  });
});
