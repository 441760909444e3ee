// Stories told on one mesh, one after the other, in which anything may be done to it: at the end of
// each everything is healed and the invariants are checked.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MeshOptions, startMesh, type TestMesh } from "./start-mesh.js";

const START_MS = 60_000;
const STORY_MS = 90_000;

export type Story = (name: string, tell: (mesh: TestMesh) => Promise<void>) => void;

/**
 * Starts a mesh for the stories of a file, or of a `describe`, and returns what declares one. A story
 * need not heal, wait for its tasks to end, or close anything.
 */
export function meshStories(of: MeshOptions | (() => Promise<MeshOptions>)): Story {
  let mesh: TestMesh;
  /** A fault is told by the story that found it, not by all that follow. */
  const told = new Set<string>();
  beforeAll(async () => {
    const options = typeof of === "function" ? await of() : of;
    mesh = await startMesh({ ...options, worker: { leaseMs: 600, ...options.worker } });
  }, START_MS);
  afterAll(() => mesh.close(), START_MS);
  return (name, tell) => {
    test(name, { timeout: STORY_MS }, async () => {
      const before = mesh.history.acknowledged().length;
      await tell(mesh);
      const found = (await mesh.violations()).filter((fault) => !told.has(fault));
      for (const fault of found) told.add(fault);
      expect(found).toEqual([]);
      // A story in which nothing was acknowledged has shown nothing.
      expect(mesh.history.acknowledged().length).toBeGreaterThan(before);
    });
  };
}
