// Reads JSON and remembers where each value stands, so that every fault of a config file can be
// shown with its line and column. JSON.parse names no position for many faults, and takes doubled
// keys in silence.
import { WELL_FORMED_RULE } from "../input/text-rule.js";

/** Place in a text; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface JsonSource {
  readonly value: unknown;
  /** Place of each value, by its path joined with "."; the whole text is "". */
  readonly positions: ReadonlyMap<string, Position>;
}

/** Thrown by parseJson: the text is not JSON, or names a key twice. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
  constructor(
    readonly position: Position,
    message: string,
  ) {
    super(message);
  }
}

const MAX_DEPTH = 32;
const WHITESPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// JSON forbids raw control characters inside of a string.
const STRING = /"(?:[^"\\\p{Cc}]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/uy;
const WORD = /[A-Za-z_]+/y;
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** Parses `text`; throws JsonSyntaxError at the first fault. */
export function parseJson(text: string): JsonSource {
  return new JsonReader(text.startsWith("\uFEFF") ? text.slice(1) : text).read();
}

class JsonReader {
  readonly #text: string;
  #offset = 0;
  readonly #positions = new Map<string, Position>();

  constructor(text: string) {
    this.#text = text;
  }

  read(): JsonSource {
    const value = this.#readValue([]);
    this.#skipWhitespace();
    if (this.#offset < this.#text.length) this.#fail("nothing may follow the closing brace");
    return { value, positions: this.#positions };
  }

  #readValue(path: readonly string[]): unknown {
    if (path.length > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH}`);
    this.#skipWhitespace();
    this.#positions.set(path.join("."), this.#positionAt(this.#offset));
    switch (this.#text[this.#offset]) {
      case "{":
        return this.#readObject(path);
      case "[":
        return this.#readArray(path);
      case '"':
        return this.#readString();
      default:
        return this.#readNumberOrWord();
    }
  }

  #readObject(path: readonly string[]): unknown {
    const entries = new Map<string, unknown>();
    this.#offset += 1;
    if (this.#takes("}")) return {};
    do {
      this.#skipWhitespace();
      const keyOffset = this.#offset;
      if (this.#text[keyOffset] !== '"') this.#fail('expected a key in double quotes, or "}"');
      const key = this.#readString();
      if (entries.has(key)) this.#fail(`the key "${key}" stands here twice`, keyOffset);
      this.#expect(":", `after the key "${key}"`);
      entries.set(key, this.#readValue([...path, key]));
      this.#positions.set([...path, key].join("."), this.#positionAt(keyOffset));
    } while (this.#takes(","));
    this.#expect("}", "or a comma");
    return Object.fromEntries(entries);
  }

  #readArray(path: readonly string[]): unknown[] {
    const items: unknown[] = [];
    this.#offset += 1;
    if (this.#takes("]")) return items;
    do items.push(this.#readValue([...path, String(items.length)]));
    while (this.#takes(","));
    this.#expect("]", "or a comma");
    return items;
  }

  #readString(): string {
    const start = this.#offset;
    const literal = this.#match(STRING);
    if (literal === undefined) this.#fail("the string has no end, or a bad escape");
    const text = JSON.parse(literal) as string;
    if (!text.isWellFormed()) this.#fail(`the string ${WELL_FORMED_RULE}`, start);
    return text;
  }

  #readNumberOrWord(): unknown {
    const start = this.#offset;
    const number = this.#match(NUMBER);
    if (number !== undefined) return Number(number);
    const word = this.#match(WORD);
    if (word !== undefined && WORDS.has(word)) return WORDS.get(word);
    if (start >= this.#text.length) this.#fail("the text ends too early", start);
    return this.#fail(`expected a value, found ${word ?? this.#text[start] ?? "nothing"}`, start);
  }

  #takes(character: string): boolean {
    this.#skipWhitespace();
    if (this.#text[this.#offset] !== character) return false;
    this.#offset += 1;
    return true;
  }

  #expect(character: string, when: string): void {
    if (this.#takes(character)) return;
    if (this.#offset >= this.#text.length) this.#fail("the text ends too early");
    this.#fail(`expected "${character}" ${when}, found ${this.#text[this.#offset] ?? "nothing"}`);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #skipWhitespace(): void {
    this.#match(WHITESPACE);
  }

  #positionAt(offset: number): Position {
    const before = this.#text.slice(0, offset);
    const line = before.split("\n").length;
    return { line, column: offset - before.lastIndexOf("\n") };
  }

  #fail(message: string, offset = this.#offset): never {
    throw new JsonSyntaxError(this.#positionAt(offset), message);
  }
}
