// A leader whose process is killed is replaced since its machine refuses to connect, not since an
// election timeout has passed: here that would take longer than the test waits.
import { afterAll, beforeAll, expect, test } from "vitest";
import { MeshProcess } from "../support/mesh-process.js";
import { waitFor } from "../support/wait-for.js";

const TICK_MS = 50;
const ELECTION_TICKS = 240;
const ELECTION_TIMEOUT_MS = TICK_MS * ELECTION_TICKS;

let mesh: MeshProcess;

beforeAll(async () => {
  mesh = await MeshProcess.start({
    config: { raft: { tickMs: TICK_MS, electionTicks: ELECTION_TICKS } },
  });
  await mesh.whole();
}, 180_000);
afterAll(async () => {
  await mesh.close();
}, 60_000);

test("a leader that is killed is replaced within its successors' election timeout", async () => {
  const killed = await mesh.leaderId();

  process.kill(mesh.nodePid(killed), "SIGKILL");

  const successor = await waitFor(
    "another node leads",
    async () => {
      const { leader } = await mesh.http.cluster();
      return leader !== null && leader.id !== killed && leader.id;
    },
    ELECTION_TIMEOUT_MS,
  );
  expect(successor).not.toBe(killed);
  expect((await mesh.http.call("POST", "/tasks", { type: "process" })).status).toBe(201);
}, 120_000);
