import { expect, test } from "vitest";
import { serializedOnce } from "../../src/api/once-per-object.js";

test("a response that is sent to many is serialized once, and each one as itself", () => {
  const serialized: string[] = [];
  const method = serializedOnce({
    path: "/x",
    responseSerialize: ({ text }: { readonly text: string }) => {
      serialized.push(text);
      return Buffer.from(text);
    },
  });
  const [a, b] = [{ text: "a" }, { text: "b" }];
  expect([a, b, a].map((one) => method.responseSerialize(one).toString())).toEqual(["a", "b", "a"]);
  expect(serialized).toEqual(["a", "b"]);
  expect(method.path).toBe("/x");
});
