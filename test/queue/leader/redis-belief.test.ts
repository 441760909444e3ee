// When the leader takes back its belief in Redis, and how often it restores it.
import { describe, expect, test } from "vitest";
import { RedisBelief } from "../../../src/queue/leader/redis-belief.js";
import type { ApplyOutcome } from "../../../src/queue/redis/apply-outcome.js";
import { ForeignQueue, RedisRefused } from "../../../src/queue/redis/errors.js";
import { emptyOutcome } from "../redis/applied-log.js";

const replied = (message: string): RedisRefused =>
  new RedisRefused(Object.assign(new Error(message), { name: "ReplyError" }));

const contradicted = (index: number): ApplyOutcome => ({
  ...emptyOutcome(index),
  contradictions: [{ id: "a", reason: "not-found" }],
});

describe("the belief in Redis", () => {
  test("ends with a refusal, until Redis was restored", () => {
    const belief = new RedisBelief();
    belief.refused(replied("WRONGTYPE Operation against a key"), 7);
    expect(belief.doubt).toContain("WRONGTYPE");

    belief.restored();
    expect(belief.doubt).toBeUndefined();
  });

  test.each([
    replied("NOPERM this user has no permissions"),
    replied("ERR The user executing the script can't run this command or subcommand"),
    replied("ERR ACL failure in script: User u has no permissions to run the 'xadd' command"),
    new ForeignQueue("other"),
  ])("stays where a script left its mark if it had written, or wrote nothing: %s", (error) => {
    const belief = new RedisBelief();
    belief.refused(error, 7);
    expect(belief.doubt).toBeUndefined();
  });

  test("ends with a contradiction, and not again with one that outlasts the restore", () => {
    const belief = new RedisBelief();
    expect(belief.isContradicted([emptyOutcome(4), contradicted(5)])).toBe(true);
    expect(belief.doubt).toBe("Redis contradicts entry 5 of the log: task a is not-found");
    belief.restoring(9);
    belief.restored();

    expect(belief.isContradicted([contradicted(5)])).toBe(false);
    expect(belief.doubt).toBeUndefined();
    expect(belief.isContradicted([contradicted(6)])).toBe(true);
  });

  test("lets time pass between restores, more each time, until Redis is past what showed the need", () => {
    const belief = new RedisBelief();
    const pauses: number[] = [];
    for (let time = 0; time < 9; time += 1) {
      belief.refused(replied("ERR a defect in the script"), 12);
      pauses.push(belief.pauseMs);
      belief.restoring(10);
      belief.restored();
      belief.reached(11);
    }
    expect(pauses).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);

    belief.reached(12);
    expect(belief.pauseMs).toBe(0);
  });
});
