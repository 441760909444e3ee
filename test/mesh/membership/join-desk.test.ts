// Who is admitted where processes without a log ask to join.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { JoinDesk } from "../../../src/mesh/membership/join-desk.js";

const n4 = { id: "n4", address: "n4:1", process: "a" };
const obstacle = (): string => "a majority does not answer";

let desk: JoinDesk;
beforeEach(() => {
  vi.useFakeTimers();
  desk = new JoinDesk();
});
afterEach(() => vi.useRealTimers());

describe("a process that asks to join", () => {
  test("is admitted when that is committed", async () => {
    const answer = desk.ask(n4, obstacle);
    expect(desk.all()).toMatchObject([n4]);

    desk.admitted("n4");

    expect(await answer).toBeUndefined();
    expect(desk.has("n4")).toBe(false);
  });

  test("is told after a while what it waits for, and asks no more", async () => {
    const answer = desk.ask(n4, obstacle);

    await vi.advanceTimersByTimeAsync(2_001);

    expect(await answer).toBe("a majority does not answer");
    expect(desk.has("n4")).toBe(false);
    desk.admitted("n4");
  });

  test("asks again where the first answer did not reach it: one request stands for both", async () => {
    const first = desk.ask(n4, obstacle);
    const second = desk.ask(n4, obstacle);
    desk.admitted("n4");

    expect(await first).toBe("the same process asked again");
    expect(await second).toBeUndefined();
  });

  test("is refused while another one asks under the name, or has just been admitted", async () => {
    const first = desk.ask(n4, obstacle);
    const rival = { ...n4, process: "b" };
    expect(await desk.ask(rival, obstacle)).toBe("another process asks to join as n4");

    desk.admitted("n4");
    await first;
    expect(await desk.ask(rival, obstacle)).toBe("another process asks to join as n4");

    // The first has not come up since: its folder was wiped once more.
    await vi.advanceTimersByTimeAsync(10_001);
    const again = desk.ask(rival, obstacle);
    desk.admitted("n4");
    expect(await again).toBeUndefined();
  });
});
