// Who is admitted where processes without a log ask to join.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { JoinRequests } from "../../../src/mesh/membership/join-requests.js";

const n4 = { id: "n4", address: "n4:1", process: "a" };
const obstacle = (): string => "a majority does not answer";

let leader: JoinRequests;
beforeEach(() => {
  vi.useFakeTimers();
  leader = new JoinRequests();
});
afterEach(() => vi.useRealTimers());

describe("a process that asks to join", () => {
  test("is admitted when that is committed", async () => {
    const answer = leader.ask(n4, obstacle);
    expect(leader.all()).toMatchObject([n4]);

    leader.admitted("n4");

    expect(await answer).toBeUndefined();
    expect(leader.has("n4")).toBe(false);
  });

  test("is told after a while what it waits for, and asks no more", async () => {
    const answer = leader.ask(n4, obstacle);

    await vi.advanceTimersByTimeAsync(2_001);

    expect(await answer).toBe("a majority does not answer");
    expect(leader.has("n4")).toBe(false);
    leader.admitted("n4");
  });

  test("asks again where the first answer did not reach it: one request stands for both", async () => {
    const first = leader.ask(n4, obstacle);
    const second = leader.ask(n4, obstacle);
    leader.admitted("n4");

    expect(await first).toBe("the same process asked again");
    expect(await second).toBeUndefined();
  });

  test("is refused while another one asks under the name, or has just been admitted", async () => {
    const first = leader.ask(n4, obstacle);
    const rival = { ...n4, process: "b" };
    expect(await leader.ask(rival, obstacle)).toBe("another process asks to join as n4");

    leader.admitted("n4");
    await first;
    expect(await leader.ask(rival, obstacle)).toBe("another process asks to join as n4");

    // The first has not come up since: its folder was wiped once more.
    await vi.advanceTimersByTimeAsync(10_001);
    const again = leader.ask(rival, obstacle);
    leader.admitted("n4");
    expect(await again).toBeUndefined();
  });
});
