// What JSON text from outside is refused for, and where in it; and that nothing else is.
import { describe, expect, it } from "vitest";
import { jsonFaultOf, MAX_JSON_DEPTH, readJson } from "../../src/input/json-text.js";

const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

/** With the beginning of the text as its title. */
const titled = <Rest extends readonly unknown[]>([text, ...rest]: readonly [string, ...Rest]) =>
  [text.slice(0, 40), text, ...rest] as const;

/** `path problem`, the problem by its first words. */
function faultOf(text: string): string | undefined {
  const fault = jsonFaultOf(text);
  return fault && `${fault.path.join(".")} ${fault.problem}`.trim();
}

describe("is refused, with the place where it stands", () => {
  it.each(
    (
      [
        ["1e999", /^is a number beyond/],
        ['{"a":[1,-1e999]}', /^a\.1 is a number beyond/],
        ["9007199254740993", /^is an integer of which readers of JSON keep 9007199254740992/],
        ['{"ids":[1,12345678901234567890]}', /^ids\.1 is an integer/],
        ['{"x":"9007199254740993","y":-9007199254740993}', /^y is an integer/],
        ['{"a":1,"b":{"c":1,"c":2}}', /^b\.c stands twice/],
        ['{"a":1,"\\u0061":2}', /^a stands twice/],
        ['[{"__proto__":1,"__proto__":2}]', /^0\.__proto__ stands twice/],
        ['{"a":["\\ud800"]}', /^a\.0 has half of a surrogate pair/],
        ['{"\\udc00":1}', /^\uFFFD has half of a surrogate pair/],
        [nested(MAX_JSON_DEPTH + 1), /is nested more than 100 levels deep$/],
        [nested(200_000), /is nested more than 100 levels deep$/],
      ] as const
    ).map(titled),
  )("%s", (_title, text, said) => {
    expect(faultOf(text)).toMatch(said);
  });

  it.each(["", "{", "[1,]", "nul", "'a'"])("what is no JSON at all: %s", (text) => {
    expect(jsonFaultOf(text)).toMatchObject({ isSyntax: true, path: [] });
  });
});

describe("is taken as it is", () => {
  it.each(
    [
      nested(MAX_JSON_DEPTH),
      "9007199254740991",
      // Beyond what a double holds exactly, and written again digit by digit as it was.
      "1152921504606847000",
      "6.02214076e23",
      "1e-400",
      "0.1234567890123456789",
      '"\\ud83d\\ude00"',
      '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}',
      // Text that looks like keys.
      '{"a":"\\"b\\":1,\\"b\\":2"}',
      '{"a\\"":1,"a":"\\\\"}',
      '[{},[],"","\\u0000",null,true,false,-0]',
    ].map((text) => titled([text])),
  )("%s", (_title, text) => {
    expect(faultOf(text)).toBeUndefined();
  });

  it("a key `__proto__`, which is one like any other", () => {
    const reading = readJson('{"__proto__":{"isAdmin":true}}', 10);

    expect(reading.kind === "value" && JSON.stringify(reading.value)).toBe(
      '{"__proto__":{"isAdmin":true}}',
    );
    expect("isAdmin" in {}).toBe(false);
  });
});

it("whatever is written by JSON.stringify from finite numbers is taken", () => {
  const numbers = [2 ** 53, 2 ** 60, 2 ** 64, 1e21, 1e300, 123456789012345680000, -(2 ** 63)];

  expect(faultOf(JSON.stringify(numbers))).toBeUndefined();
});
