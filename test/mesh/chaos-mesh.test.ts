// Links impaired over HTTP and gRPC on a mesh of real nodes, each of which holds its own rules, as
// processes do.
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PeerClients } from "../../src/api/client-pool.js";
import type { UnaryStub } from "../../src/api/unary-client.js";
import { LinkRule } from "../../src/gen/mesh/v1/chaos_service.js";
import type { ProblemView } from "../support/mesh-http.js";
import { startMesh, type TestMesh } from "../support/start-mesh.js";
import { waitFor } from "../support/wait-for.js";

interface Reach {
  readonly at: readonly string[];
  readonly unreachable: readonly { readonly id: string; readonly reason: string }[];
}
interface LinkView extends LinkRule {
  readonly healsInMs: number;
  readonly at: readonly string[];
}
interface Impairable {
  readonly links: readonly { readonly to: string; readonly impaired: boolean }[];
}

const PATH = "/chaos/links";

let mesh: TestMesh;
const start = (options: Parameters<typeof startMesh>[0]) => {
  beforeAll(async () => {
    mesh = await startMesh({ ownLinks: true, ...options });
  }, 60_000);
  afterAll(() => mesh.close(), 60_000);
};

const put = (body: unknown) => mesh.http.call<Reach & ProblemView>("PUT", PATH, body);
const heal = (query = "") => mesh.http.call<Reach & ProblemView>("DELETE", PATH + query);
const listed = async () => {
  return (await mesh.http.expectOk<{ links: readonly LinkView[] }>("GET", PATH)).links;
};
const names = async () => (await listed()).map(({ from, to, at }) => [from, to, ...at].join(" "));

function call<Request, Response>(
  id: string,
  stub: (peer: PeerClients) => UnaryStub<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    stub(mesh.at(id))(request, new Metadata(), {}, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}
const NO_RULE = LinkRule.decode(new Uint8Array());
const setAt = (id: string, rule: Partial<LinkRule>, hereOnly = false) =>
  call(id, (peer) => peer.chaos.setLink.bind(peer.chaos), {
    rule: { ...NO_RULE, ...rule },
    both: false,
    hereOnly,
  });

describe("where chaos is enabled", { timeout: 90_000 }, () => {
  start({});

  test("a cut between leader and follower is in force at both, is seen, and heals by itself", async () => {
    const leader = await mesh.leader();
    const [cutOff = "", other = ""] = await mesh.followers();
    const impaired = async (): Promise<readonly string[]> => {
      const { links } = await mesh.http.expectOk<Impairable>("GET", "/cluster");
      return links.flatMap((link) => (link.impaired ? [link.to] : []));
    };

    const cut = await put({ from: leader, to: cutOff, both: true, cut: true, forMs: 4_000 });

    expect([cut.status, cut.body]).toEqual([200, { at: [leader, cutOff].sort(), unreachable: [] }]);
    expect(await impaired()).toEqual([cutOff]);
    expect(await listed()).toMatchObject(
      [leader, cutOff].sort().map((from) => ({ from, cut: true, at: cut.body.at })),
    );
    const task = await mesh.http.submit({ type: "process", data: "goes on" });
    expect(await mesh.http.ended(task.id)).toMatchObject({ status: "completed" });
    await mesh.leaderAmong([leader, other]);
    await waitFor("the link is healed", async () => (await listed()).length === 0);
    await mesh.everyoneFollows();
    expect(await impaired()).toEqual([]);
  });

  test("a rule is set again without harm, and heals for one link, one way and all", async () => {
    const slow = { from: "n1", to: "n2", both: true, delayMs: 5 };
    await put(slow);
    await put(slow);
    await put({ from: "n3", to: "redis", jitterMs: 5 });
    await put({ from: "gateway", to: "n2", loss: 0.01 });
    expect(await names()).toEqual([
      "gateway n2 gateway",
      "n1 n2 n1 n2",
      "n2 n1 n1 n2",
      "n3 redis n3",
    ]);

    await heal("?from=n1&to=n2");
    expect(await names()).toEqual(["gateway n2 gateway", "n2 n1 n1 n2", "n3 redis n3"]);
    await heal("?from=n1&to=n2&both=true");
    expect(await names()).toEqual(["gateway n2 gateway", "n3 redis n3"]);
    expect((await heal()).body).toEqual({ at: ["gateway", "n1", "n2", "n3"], unreachable: [] });
    expect(await names()).toEqual([]);
  });

  test("who is cut off from everybody is told of the heal all the same", async () => {
    for (const to of ["gateway", "n2", "n3"]) {
      expect((await put({ from: "n1", to, both: true, cut: true })).status).toBe(200);
    }
    await mesh.leaderAmong(["n2", "n3"]);

    expect((await heal()).body.at).toContain("n1");

    await mesh.everyoneFollows();
    expect(await names()).toEqual([]);
  });

  test("one end that cannot be told is named, two are a refusal", async () => {
    await mesh.stopNode("n3");
    const slow = { to: "n3", delayMs: 1 };

    const half = await put({ from: "n1", ...slow });
    const none = await put({ from: "redis", ...slow });

    expect([half.status, half.body]).toEqual([
      200,
      { at: ["n1"], unreachable: [{ id: "n3", reason: expect.any(String) as string }] },
    ]);
    expect([none.status, none.body.code]).toEqual([503, "no_node"]);
    await heal();
    await mesh.startNode("n3");
    await mesh.whole(3);
  });

  test("over gRPC any node takes a rule, and tells both ends", async () => {
    const answer = await setAt("n1", { from: "n2", to: "n3", delayMs: 1 });

    expect(answer).toEqual({ at: ["n2", "n3"], unreachable: [] });
    expect(await names()).toEqual(["n2 n3 n2 n3"]);
    const healing = { from: "", to: "", both: false, hereOnly: false };
    await call("n3", (peer) => peer.chaos.healLinks.bind(peer.chaos), healing);
    expect(await names()).toEqual([]);
  });

  test.each([
    [{ from: "n1", to: "n2" }, "cut"],
    [{ from: "n1", to: "n1", cut: true }, "to"],
    [{ from: "n1", to: "n9", cut: true }, "to"],
    [{ from: "N 1", to: "n2", cut: true }, "from"],
    [{ from: "n1", to: "n2", delayMs: 60_001 }, "delayMs"],
    [{ from: "n1", to: "n2", loss: 1.1 }, "loss"],
    [{ from: "n1", to: "n2", cut: true, forms: 10 }, "forms"],
  ])("%j is refused for its %s", async (body, field) => {
    const { status: httpStatus, body: problem } = await put(body);

    expect([httpStatus, problem.code, problem.field]).toEqual([422, "invalid_field", field]);
    expect(await names()).toEqual([]);
  });

  test("half a pair does not heal everything", async () => {
    expect((await heal("?from=n1")).body).toMatchObject({ status: 422, field: "to" });
  });

  test.each([
    [{ from: "n1", to: "gateway", cut: true }, "to", false],
    [{ from: "n2", to: "n3", cut: true }, "from", true],
    [{ from: "n1", to: "n2", loss: 2 }, "loss", false],
    [{}, "from", false],
  ])("over gRPC %j is refused for its %s", async (rule, field, hereOnly) => {
    await expect(setAt("n1", rule, hereOnly)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(new RegExp(`^${field}: `)) as string,
    } satisfies Partial<ServiceError>);
  });
});

describe("where chaos is not enabled", { timeout: 60_000 }, () => {
  start({ nodes: 1, chaos: { enabled: false } });

  test("every call is refused, and names the setting", async () => {
    const rule = { from: "n1", to: "redis", cut: true };
    for (const answer of [await put(rule), await heal(), await mesh.http.call("GET", PATH)]) {
      expect(answer.body).toMatchObject({
        status: 403,
        code: "chaos_disabled",
        detail: expect.stringContaining("chaos.enabled") as string,
      });
    }
    await expect(setAt("n1", rule)).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("chaos.enabled") as string,
    } satisfies Partial<ServiceError>);
  });
});
