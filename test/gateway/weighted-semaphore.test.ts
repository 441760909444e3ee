import { describe, expect, test } from "vitest";
import { WeightedSemaphore } from "../../src/gateway/weighted-semaphore.js";

const LONG_MS = 60_000;

describe("a semaphore with weights", () => {
  test("admits in the order of arrival, as much as it holds", async () => {
    const semaphore = new WeightedSemaphore(10);
    const admitted: string[] = [];
    const ask = (name: string, weight: number) =>
      semaphore.acquire(weight, LONG_MS).then(() => admitted.push(name));
    await ask("a", 6);
    const rest = [ask("b", 5), ask("c", 1), ask("d", 10)];
    await Promise.resolve();
    expect(admitted).toEqual(["a"]);
    semaphore.release(6);
    await Promise.all(rest.slice(0, 2));
    expect(admitted).toEqual(["a", "b", "c"]);
    semaphore.release(5);
    semaphore.release(1);
    await Promise.all(rest);
    expect(admitted).toEqual(["a", "b", "c", "d"]);
  });

  test("lets the next one in when one in front has given up", async () => {
    const semaphore = new WeightedSemaphore(10);
    await semaphore.acquire(6, LONG_MS);
    const heavy = semaphore.acquire(5, 1);
    const light = semaphore.acquire(4, LONG_MS);
    expect(await heavy).toBe(false);
    expect(await light).toBe(true);
    semaphore.release(6);
    semaphore.release(4);
    expect(await semaphore.acquire(10, LONG_MS)).toBe(true);
  });
});
