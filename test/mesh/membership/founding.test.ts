// A founder votes only once the registry knows that it may have: else it could lose its disk, ask how
// the mesh was formed, be told that it founds it, and vote a second time with an empty log.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ClientPool } from "../../../src/api/client-pool.js";
import type { FormOptions } from "../../../src/discovery/registry.js";
import { RegistryKeys } from "../../../src/discovery/keys.js";
import { belongToMesh, type FoundingOptions } from "../../../src/mesh/membership/founding.js";
import {
  logIndex,
  nodeId,
  openRaftStorage,
  type RaftStorage,
  term,
} from "../../../src/raft/index.js";
import { RegistryBench } from "../../discovery/mesh-of-registries.js";
import { RedisServer } from "../../support/redis-server.js";
import { waitFor } from "../../support/wait-for.js";

const keys = new RegistryKeys("test");
const SELF = { id: "n1", address: "127.0.0.1:50001" };

let redis: RedisServer;
let bench: RegistryBench;
let folder: string;
let clients: ClientPool;
let said: string[];

beforeEach(async () => {
  said = [];
  redis = await RedisServer.start();
  bench = new RegistryBench(redis.url);
  folder = await mkdtemp(path.join(tmpdir(), "taskmesh-founding-"));
  clients = new ClientPool(undefined);
});
afterEach(async () => {
  clients.close();
  await bench.close();
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

const isMarked = (): Promise<boolean> =>
  redis.ask(async (client) => (await client.sismember(keys.stateful, SELF.id)) === 1);

const open = (): Promise<RaftStorage> => openRaftStorage({ dir: path.join(folder, "n1") });

test("a node without a log says that every member is back with an empty folder, and joins the mesh that takes the place of theirs", async () => {
  await bench.node("n2", { meshId: "lost", members: [SELF] }).then(({ writer }) => writer.stop());
  const storage = await open();
  const stopping = new AbortController();

  const belonging = belong(storage, undefined, stopping.signal);
  await waitFor("it says what is lost", () => said.some((line) => line.includes("--from-redis")));
  const refounded = { meshId: "refounded", members: [{ id: "n2", address: "127.0.0.1:1" }] };
  await bench.node("n2", { ...refounded, supersedes: ["lost"] });

  await waitFor("it asks the other mesh", () =>
    said.some((line) => line.includes("no connection") || line.includes("127.0.0.1:1")),
  );
  stopping.abort(new Error("enough"));
  await expect(belonging).rejects.toThrow("enough");
  await storage.close();
});

/** What n1 belongs to, as it starts with `storage`; `formed` comes between the formation and it. */
async function belong(
  storage: RaftStorage,
  formed?: () => Promise<void>,
  signal = new AbortController().signal,
): Promise<string> {
  const { identity } = storage;
  const own = identity && { meshId: identity.meshId, members: [SELF] };
  const { registry, writer } = await bench.node("n1", own);
  const options: FoundingOptions = {
    mesh: "test",
    ...SELF,
    expect: 1,
    voters: 3,
    registry: {
      watch: registry.watch,
      form: async (form: FormOptions) => {
        const outcome = await registry.form({ ...form, settleMs: 0 }, signal);
        await formed?.();
        return outcome;
      },
    },
    writer,
    storage,
    clients,
    logger: pino({}, { write: (line: string) => void said.push(line) }),
    signal,
  };
  return belongToMesh(options);
}

/** n1 founds a mesh, and Redis is gone once that is formed. */
const foundWithoutRedis = (storage: RaftStorage): Promise<string> =>
  belong(storage, () => redis.kill());

/** The process ends while it waits; returns the mesh that it founded. */
async function abandoned(storage: RaftStorage): Promise<string | undefined> {
  const stopped = new AbortController();
  const belongs = belong(storage, () => redis.kill(), stopped.signal);
  await waitFor("it has an identity", () => storage.identity !== undefined);
  stopped.abort(new Error("stopped"));
  await belongs.catch(() => undefined);
  await storage.close();
  said = [];
  return storage.identity?.meshId;
}

/** Which comes first: that it belongs to its mesh, or that it says that it waits. */
const belongsOrWaits = (belongs: Promise<unknown>): Promise<string> =>
  Promise.race([
    belongs.then(() => "belongs"),
    waitFor("it waits", () => said.some((line) => line.includes("waiting for Redis")) && "waits"),
  ]);

test("a founder that Redis could not be told of takes no part before it is", async () => {
  const storage = await open();
  const belongs = foundWithoutRedis(storage);

  expect(await belongsOrWaits(belongs)).toBe("waits");
  await redis.restart();
  await belongs;

  expect(await isMarked()).toBe(true);
  await storage.close();
});

test("nor does it after a restart, while it has not voted", async () => {
  const before = await open();
  const meshId = await abandoned(before);
  const storage = await open();
  const belongs = belong(storage);

  expect(await belongsOrWaits(belongs)).toBe("waits");
  await redis.restart();

  expect(await belongs).toBe(meshId);
  expect(await isMarked()).toBe(true);
  await storage.close();
});

test("one that has voted starts without Redis", async () => {
  const storage = await open();
  await belong(storage);
  const hardState = { term: term(1), vote: nodeId("n1"), commit: logIndex(0) };
  await storage.write([
    { sequence: 1, hardState, entries: [], snapshotChunk: undefined, messagesAfter: [] },
  ]);
  await redis.kill();

  expect(await belong(storage)).toBe(storage.identity?.meshId);
  await storage.close();
});
