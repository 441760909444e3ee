// `cancel`, `retry`, `dead-letters` and `transfer` as a shell sees them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildCli, cli, type Ended } from "./built-cli.js";
import { type Asked, FakeGateway } from "./fake-gateway.js";

const letter = {
  ...{ id: "01DEAD", type: "mail", queue: "default", status: "dead", reason: "timed_out" },
  ...{ attempts: 3, maxAttempts: 3, finishedAt: "2026-01-01T00:00:00.000Z" },
  error: { name: "timeout", message: "it took\ntoo long" },
};
const page = { deadLetters: [letter], nextCursor: "abc" };
const transferred = { leader: { id: "n2", term: 7 } };

/** The first call of a kind finds that more match, the second one that none are left. */
function answer(line: string, asked: readonly Asked[]): readonly [number, unknown] {
  const isFirst = asked.filter((one) => one.line === line).length === 1;
  if (line.startsWith("GET /dead-letters")) return [200, page];
  if (line === "POST /dead-letters/retry") {
    return [200, isFirst ? { ids: ["a", "b"], more: true } : { ids: ["c"], more: false }];
  }
  if (line === "DELETE /dead-letters") return [200, { ids: ["a"], more: false }];
  if (line === "DELETE /tasks/01TASK") return [200, { id: "01TASK", status: "cancelled" }];
  if (line === "POST /tasks/01TASK/retry") return [200, { id: "01TASK", status: "pending" }];
  if (line === "POST /cluster/transfer") return [200, transferred];
  return [409, { title: "Conflict", detail: "it has ended", code: "already_ended" }];
}

let gateway: FakeGateway;
beforeAll(async () => {
  buildCli();
  gateway = await FakeGateway.start(answer);
}, 120_000);
afterAll(() => gateway.close());
beforeEach(() => void gateway.asked.splice(0));

const run = (...args: string[]): Promise<Ended> => cli([...args, "--url", gateway.url]);

describe("taskmesh cancel and retry", () => {
  test("say what has become of the task", async () => {
    expect(await run("cancel", "01TASK")).toEqual({
      ...{ code: 0, stdout: "01TASK is cancelled\n", stderr: "" },
    });
    expect((await run("retry", "01TASK")).stdout).toBe("01TASK is pending\n");
    const json = await run("retry", "01TASK", "--json");
    expect(JSON.parse(json.stdout)).toEqual({ id: "01TASK", status: "pending" });
  });

  test("tell a refusal in one line", async () => {
    expect(await run("cancel", "01ENDED")).toEqual({
      ...{ code: 1, stdout: "" },
      stderr: "taskmesh: Conflict: it has ended [already_ended] (409)\n",
    });
  });
});

describe("taskmesh transfer", () => {
  test("says who leads now; the next leader may be named", async () => {
    expect((await run("transfer")).stdout).toBe("n2 leads, in term 7\n");
    expect(JSON.parse((await run("transfer", "n2", "--json")).stdout)).toEqual(transferred);
    expect(gateway.asked.map(({ body }) => body)).toEqual([undefined, { to: "n2" }]);
  });
});

describe("taskmesh dead-letters", () => {
  test("lists them with the reason, as the filters say", async () => {
    const { stdout } = await run("dead-letters", "--queue", "default", "--limit", "5");

    expect(stdout).toBe(
      "ID      TYPE  QUEUE    REASON     ATTEMPTS  DIED                      ERROR\n" +
        "01DEAD  mail  default  timed_out  3/3       2026-01-01T00:00:00.000Z  it took too long\n" +
        "more: --cursor abc\n",
    );
    expect(gateway.asked[0]?.line).toBe("GET /dead-letters?queue=default&limit=5");
    const json = await run("dead-letters", "list", "--json");
    expect(JSON.parse(json.stdout)).toEqual(page);
  });

  test("runs those that match again, and all of them with --all", async () => {
    const some = await run("dead-letters", "retry", "--type", "mail", "--limit", "2");
    expect(some.stdout).toBe(
      "2 retried\nmore match: the same again takes the next ones, --all takes all\n",
    );
    expect(gateway.asked[0]?.body).toEqual({ type: "mail", limit: 2 });

    gateway.asked.splice(0);
    const all = await run("dead-letters", "retry", "--all", "--json");
    expect(JSON.parse(all.stdout)).toEqual({ retried: 3, ids: ["a", "b", "c"], more: false });
  });

  test("drops those that are named", async () => {
    const { stdout } = await run("dead-letters", "drop", "--ids", "a,b");

    expect(stdout).toBe("1 dropped\n");
    expect(gateway.asked).toEqual([{ line: "DELETE /dead-letters", body: { ids: ["a", "b"] } }]);
  });

  test.each([
    [["drop"], "name what to take: --ids"],
    [["retry", "--ids", "a", "--all"], "--ids stands alone"],
    [["retry", "--all", "--limit", "3"], "give --limit or --all, not both"],
    [["drop", "--cursor", "x", "--all"], "--cursor goes with list"],
    [["list", "--all"], "--ids and --all go with retry and drop"],
    [["burn"], "'burn' is invalid for argument 'action'. Allowed choices are list, retry, drop"],
    [["drop", "--limit", "0"], "--limit 0: give an integer from 1 to 1000"],
  ])("%j takes nothing and says what is wrong", async (args, said) => {
    const { code, stdout, stderr } = await run("dead-letters", ...args);

    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`taskmesh: `);
    expect(stderr).toContain(said);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(gateway.asked).toEqual([]);
  });
});

test("the commands keep to 80 columns where the terminal has no more", async () => {
  const { stdout } = await cli(["dead-letters", "--url", gateway.url], { COLUMNS: "80" });

  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});
