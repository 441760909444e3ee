import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OldestFirstMap } from "../../src/queue/oldest-first-map.js";

describe("a map from which the oldest are taken", () => {
  it("is like a Map of which the first is deleted, whatever is done to it", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), key: fc.nat(20) }),
      fc.constant({ kind: "take" as const }),
      fc.constant({ kind: "clear" as const }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const map = new OldestFirstMap<number, number>();
        const plain = new Map<number, number>();
        steps.forEach((one, at) => {
          if (one.kind === "set") {
            map.set(one.key, at);
            plain.set(one.key, at);
          } else if (one.kind === "take") {
            const [first] = plain;
            expect(map.takeOldest()).toBe(first?.[1]);
            if (first !== undefined) plain.delete(first[0]);
          } else {
            map.clear();
            plain.clear();
          }
          expect(map.size).toBe(plain.size);
          for (let key = 0; key <= 20; key += 1) {
            expect([map.has(key), map.get(key)]).toEqual([plain.has(key), plain.get(key)]);
          }
        });
      }),
    );
  });
});
