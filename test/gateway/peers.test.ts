// Which node reads go to.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AVOID_MS } from "../../src/gateway/limits.js";
import { Peers } from "../../src/gateway/peers.js";

const members = ["a", "b"].map((id) => ({ id, address: `${id}:1` }));
let peers: Peers;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  peers = new Peers({ records: () => [], formation: undefined, redisError: undefined });
  peers.learn({ members });
});
afterEach(() => vi.useRealTimers());

describe("reads", () => {
  it("spare the leader", () => {
    for (const leader of ["a:1", "b:1", "a:1"]) expect(peers.forReads(leader)).not.toBe(leader);
  });

  it("go to the leader while no other node answers, and then to the other again", () => {
    peers.avoid("b:1");
    expect(peers.forReads("a:1")).toBe("a:1");
    vi.advanceTimersByTime(AVOID_MS - 1);
    expect(peers.forReads("a:1")).toBe("a:1");

    vi.advanceTimersByTime(1);

    expect(peers.forReads("a:1")).toBe("b:1");
  });

  it("go to some node where none has answered of late", () => {
    for (const { address } of members) peers.avoid(address);

    expect(["a:1", "b:1"]).toContain(peers.forReads("a:1"));
  });
});
