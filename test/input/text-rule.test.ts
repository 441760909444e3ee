// Which text is taken, and how the bytes of a header are read.
import { describe, expect, it } from "vitest";
import { headerText, illFormedIn, isPlain, mayBeGarbled } from "../../src/input/text-rule.js";

describe("a name or a key", () => {
  it.each(["é", "日本 語", "😀", "a\u00a0b"])("may be any text: %s", (text) => {
    expect(isPlain(text)).toBe(true);
  });

  it.each(["\u0000", "a\nb", "\u001b[31m", "\u007f", "\u009b", "x\ud800", "\udc00"])(
    "has no half characters and none that a terminal obeys: %j",
    (text) => {
      expect(isPlain(text)).toBe(false);
    },
  );
});

describe("the text of a header", () => {
  const received = (bytes: Buffer): string => bytes.toString("latin1");

  it("is read as UTF-8", () => {
    expect(headerText(received(Buffer.from("clé 😀")))).toBe("clé 😀");
  });

  it("is none where its bytes are another encoding", () => {
    expect(headerText(received(Buffer.from("clé", "latin1")))).toBeUndefined();
  });
});

it("the place of half a character is told, in a key as in a value", () => {
  expect(illFormedIn({ a: [1, { b: "x\ud800" }] })).toEqual(["a", "1", "b"]);
  expect(illFormedIn({ "x\udc00": 1 })).toEqual(["x\uFFFD"]);
  expect(illFormedIn({ a: ["😀", null, 1] })).toBeUndefined();
});

it("text in which bytes were replaced is known by what they were replaced with", () => {
  expect(mayBeGarbled(Buffer.from([0x61, 0xff]).toString("utf8"))).toBe(true);
  expect(mayBeGarbled("aé")).toBe(false);
});
