// What handlers say reaches whoever asks: lines and the last progress, from the node and from threads.
import { ulid } from "ulid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface LogView {
  readonly lines: readonly {
    readonly at: string;
    readonly attempt: number;
    readonly level: string;
    readonly message: string;
    readonly fields: unknown;
  }[];
  readonly nextCursor: string | null;
}

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.close(), 60_000);

const logOf = (id: string, query = "") =>
  mesh.http.expectOk<LogView>("GET", `/tasks/${id}/logs${query}`);

describe("what a handler says", () => {
  test.each(["tells", "tells-apart"])("is there when its task has ended: %s", async (type) => {
    const { id } = await mesh.http.submit({
      type,
      data: { failures: 1 },
      backoff: { type: "fixed", delayMs: 0 },
    });
    expect(await mesh.http.ended(id)).toMatchObject({ status: "completed", attempts: 2 });

    await waitFor("all is written", async () => (await logOf(id)).lines.length === 4);
    const { lines } = await logOf(id);
    expect(lines.map(({ attempt, level, message }) => [attempt, level, message])).toEqual([
      [1, "info", "begins"],
      [1, "warn", "ends"],
      [2, "info", "begins"],
      [2, "warn", "ends"],
    ]);
    expect(lines[0]).toMatchObject({ fields: { attempt: 1 } });
    expect(lines[1]).toMatchObject({ fields: null });
    await waitFor("the last progress", async () => (await mesh.http.task(id)).progress === 99);

    const page = await logOf(id, "?attempt=2&limit=1");
    expect(page.lines.map(({ message }) => message)).toEqual(["begins"]);
    const rest = await logOf(id, `?attempt=2&cursor=${page.nextCursor ?? ""}`);
    expect(rest).toMatchObject({ lines: [{ message: "ends" }], nextCursor: null });
  });

  test.each([
    [`/tasks/${ulid()}/logs`, 404, "not_found"],
    [`/tasks/${ulid()}/logs?limit=0`, 422, "invalid_field"],
  ])("is refused: %s", async (url, status, code) => {
    const answer = await mesh.http.call<{ readonly code: string }>("GET", url);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test("is read on with a cursor of its own alone", async () => {
    const { id } = await mesh.http.submit({ type: "note" });
    const answer = await mesh.http.call<{ readonly code: string }>(
      "GET",
      `/tasks/${id}/logs?cursor=elsewhere`,
    );
    expect([answer.status, answer.body.code]).toEqual([422, "invalid_cursor"]);
  });
});
