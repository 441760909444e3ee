// JSON as the config file is read: values as JSON.parse gives them, faults with their place.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonSyntaxError, parseJson } from "../../src/config/json-source.js";

function faultOf(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return `${error.position.line}:${error.position.column} ${error.message}`;
  }
  return "no fault";
}

describe("reading JSON", () => {
  test("gives for every valid text what JSON.parse gives", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parseJson(text).value).toEqual(JSON.parse(text));
      }),
    );
  });

  test("never accepts a text that JSON.parse refuses", () => {
    const fragment = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"',
      "1",
      "01",
      "-",
      "true",
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        const accepted = faultOf(text) === "no fault";
        if (accepted) expect(() => JSON.parse(text) as unknown).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  test("remembers where each key stands", () => {
    const { positions } = parseJson('{\n  "a": {\n    "b": [1,\n      2]\n  }\n}');

    expect(positions.get("a.b")).toEqual({ line: 3, column: 5 });
    expect(positions.get("a.b.1")).toEqual({ line: 4, column: 7 });
  });

  test.each([
    ['{\n  "a": 1\n  "b": 2\n}', '3:3 expected "}" or a comma, found "'],
    ['{"a": 1,}', '1:9 expected a key in double quotes, or "}"'],
    ['{"a": tru}', "1:7 expected a value, found tru"],
    ['{"a": 1', "1:8 the text ends too early"],
    ['{"a": 1} x', "1:10 nothing may follow the closing brace"],
    ['{"a": "x\n"}', "1:7 the string has no end, or a bad escape"],
    ['{\n"a": 1,\n"a": 2}', '3:1 the key "a" stands here twice'],
    ["", "1:1 the text ends too early"],
    [
      '{"a": "\\ud800"}',
      "1:7 the string has half of a surrogate pair, which is no character: send well-formed Unicode",
    ],
    ["[".repeat(40), "1:34 nested deeper than 32"],
  ])("says what is wrong with %j and where", (text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });
});
