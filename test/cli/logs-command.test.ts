// `taskmesh logs` as a shell sees it.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildCli, cli } from "./built-cli.js";

const log = {
  lines: [
    { at: "2026-11-26T16:00:00.000Z", attempt: 1, level: "info", message: "hello", fields: null },
    { at: "2026-11-26T16:00:01.000Z", attempt: 2, level: "warn", message: "oh", fields: { a: 1 } },
  ],
  nextCursor: "5-9",
};

const asked: (string | undefined)[] = [];
let server: Server;
let url = "";
beforeAll(async () => {
  buildCli();
  server = createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(log));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}`;
}, 120_000);
afterAll(() => void server.close());

describe("taskmesh logs", () => {
  test("shows each line with its time and attempt, and where the next page begins", async () => {
    const text = await cli(["logs", "01TASK", "--attempt", "2", "--limit", "2", "--url", url]);
    expect(text.stdout).toBe(`2026-11-26T16:00:00.000Z #1 info hello
2026-11-26T16:00:01.000Z #2 warn oh {"a":1}
more: --cursor 5-9
`);
    expect(asked).toEqual(["/tasks/01TASK/logs?attempt=2&limit=2"]);
    const json = await cli(["logs", "01TASK", "--json", "--url", url]);
    expect([json.code, JSON.parse(json.stdout)]).toEqual([0, log]);
  });
});
