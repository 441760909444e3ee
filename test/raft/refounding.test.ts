import path from "node:path";
import { rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  nodeId,
  openRaftStorage,
  type RaftStorage,
  refound,
  remainsOf,
} from "../../src/raft/index.js";
import { nodeFileSystem } from "../../src/raft/storage/index.js";
import { InMemoryCluster, type Server } from "./in-memory-cluster.js";

let cluster: InMemoryCluster;

beforeEach(async () => {
  cluster = await InMemoryCluster.start();
});

afterEach(() => cluster.stop());

const PATIENCE = { timeout: 20_000, interval: 10 };

async function committed(server: Server, text: string): Promise<void> {
  const proposal = server.node.propose(Buffer.from(text));
  if (proposal.kind === "refused") throw new Error(proposal.reason);
  await proposal.committed;
}

/** Three servers that have decided three commands; all but one are lost. */
async function survivorFolder(): Promise<string> {
  const leader = await vi.waitFor(() => cluster.leader(), PATIENCE);
  for (const text of ["one", "two", "three"]) await committed(leader, text);
  const folder = cluster.folderOf(leader.id);
  for (const id of [...cluster.servers.keys()]) await cluster.stopServer(id);
  return folder;
}

async function withStorage<Result>(
  dir: string,
  work: (storage: RaftStorage) => Promise<Result> | Result,
): Promise<Result> {
  const storage = await openRaftStorage({ dir });
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

describe("a server whose cluster is lost", () => {
  test("tells what it has, and how much of it was surely decided", async () => {
    const folder = await survivorFolder();

    const remains = await withStorage(folder, remainsOf);

    expect(remains.membership.voters.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(remains.commit).toBeLessThanOrEqual(remains.lastIndex);
    expect(remains.lastIndex).toBeGreaterThanOrEqual(4);
  });

  test("goes on alone with all that its log holds, under another name, and takes new commands", async () => {
    const folder = await survivorFolder();
    const id = nodeId(path.basename(folder));

    const before = await withStorage(folder, async (storage) => {
      const remains = remainsOf(storage);
      await refound(storage, "another");
      return remains;
    });

    const server = await cluster.startServer(id);
    await vi.waitFor(() => expect(server.node.softState.role).toBe("leader"), PATIENCE);
    await committed(server, "four");
    expect(server.applied).toEqual(["one", "two", "three", "four"]);
    expect(server.storage.identity).toMatchObject({ meshId: "another", supersedes: ["test"] });
    expect(server.node.status().membership.voters.map((member) => member.id)).toEqual([id]);
    expect(server.node.softState.term).toBeGreaterThan(before.term);
  });

  test("is of no use to its old cluster once it was begun, and can be refounded again", async () => {
    const folder = await survivorFolder();
    // The crash comes behind the new identity and before the new entry.
    await withStorage(folder, (storage) => storage.supersede("half-way"));

    const { identity, remains } = await withStorage(folder, async (storage) => {
      const half = storage.identity;
      await refound(storage, "another");
      return { identity: half, remains: remainsOf(storage) };
    });

    expect(identity?.meshId).toBe("half-way");
    expect(remains.membership.voters).toHaveLength(1);
    await withStorage(folder, (storage) => {
      expect(storage.identity?.supersedes).toEqual(["test", "half-way"]);
    });
  });

  test("that never had a log has nothing to be refounded from", async () => {
    const dir = path.join(cluster.folderOf(nodeId("a")), "new");
    const storage = await openRaftStorage({ dir, files: nodeFileSystem });
    await expect(refound(storage, "another")).rejects.toThrow("without state");
    await storage.close();
    await rm(dir, { recursive: true });
  });
});
