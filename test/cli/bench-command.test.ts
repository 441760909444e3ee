// `taskmesh bench` counts what a gateway acknowledges, and waits until all of it has ended.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { buildCli, cli } from "./built-cli.js";

const counts = { scheduled: 0, pending: 0, running: 0, completed: 5, dead: 1, cancelled: 0 };

let server: Server;
let url: string;
/** Tasks that were acknowledged, and how many of them have ended. */
let taken = 0;
let ended = 0;
/** What the gateway does with a submission. */
let answer: (n: number) => "taken" | "refused" | "dies" = () => "taken";
let died = 0;
let indexWasAsked = false;

beforeAll(async () => {
  buildCli();
  server = createServer((request, response) => {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    switch (`${request.method} ${request.url}`) {
      case "GET /queues/bench":
        // Some of them end each time that it is looked.
        ended = Math.min(taken, indexWasAsked ? ended + 10 : ended);
        send(200, {
          counts: { ...counts, pending: taken - ended, completed: 5 + ended, dead: 1 + died },
        });
        break;
      case "GET /queues/busy":
        send(200, { counts: { ...counts, running: 1 } });
        break;
      case "GET /cluster":
        indexWasAsked = true;
        send(200, { redisAppliedIndex: taken });
        break;
      case "POST /tasks": {
        const fate = answer(taken);
        if (fate === "refused") {
          send(503, { title: "Service Unavailable", detail: "no leader", code: "no_leader" });
          answer = () => "taken";
          break;
        }
        taken += 1;
        if (fate === "dies") died += 1;
        send(201, { id: `t${taken}`, durability: { level: "quorum", index: taken } });
        break;
      }
      default:
        send(404, {});
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}, 120_000);
afterAll(() => server.close());
beforeEach(() => {
  taken = ended = died = 0;
  indexWasAsked = false;
  answer = () => "taken";
});

const bench = (...more: string[]) =>
  cli(["bench", "--tasks", "40", "--clients", "4", "--json", "--url", url, ...more]);

test("says what was acknowledged and completed, once all has ended", async () => {
  const { code, stdout, stderr } = await bench();

  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ acknowledged: 40, refused: 0, completed: 40 });
  expect([taken, ended]).toEqual([40, 40]);
});

test("fails where tasks are refused, with the reason of the first", async () => {
  answer = (n) => (n >= 7 ? "refused" : "taken");

  const { code, stdout, stderr } = await bench();

  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ acknowledged: 39, refused: 1, completed: 39 });
  expect(stderr).toContain("1 tasks were refused: Service Unavailable: no leader");
});

test("fails where tasks do not complete", async () => {
  answer = (n) => (n < 3 ? "dies" : "taken");

  const { code, stderr } = await bench();

  expect([code, stderr]).toEqual([1, "taskmesh: 3 tasks did not complete\n"]);
});

test("does not measure in a queue in which something else waits", async () => {
  const { code, stderr } = await bench("--queue", "busy");

  expect([code, taken]).toEqual([2, 0]);
  expect(stderr).toContain("name another with --queue");
});
