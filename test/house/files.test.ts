// What a reader may count on in every file, where the linter does not look.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface SourceFile {
  readonly name: string;
  readonly text: string;
}

function filesBelow(folder: string, ending: RegExp): SourceFile[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.includes(path.join("src", "gen") + path.sep))
    .map((file) => ({ name: path.relative(root, file), text: readFileSync(file, "utf8") }));
}

const code = ["src", "test", "bench"].flatMap((folder) => filesBelow(folder, /\.(ts|mjs|cjs)$/));
const scripts = filesBelow("src", /\.lua$/);
const lines = ({ text }: SourceFile) => text.split("\n").filter((line) => line.trim() !== "");
const isComment = (line: string) => /^\s*(\/\/|\/\*|\*|--)/.test(line);
const names = (files: readonly SourceFile[]) => files.map((file) => file.name);

describe("every file", () => {
  test("there are files to look at", () => {
    expect(code.length).toBeGreaterThan(100);
  });

  test("begins with a comment that states its duty, where its name and tests do not", () => {
    const told = code.filter((file) => !file.name.endsWith(".test.ts"));
    const silent = [...told, ...scripts].filter((file) => {
      const [first = "", second = ""] = lines(file);
      return !isComment(first.startsWith("#!") ? second : first);
    });

    expect(names(silent)).toEqual([]);
  });

  test("is short enough to be read at one sitting: 320 lines of code, 60 of a script", () => {
    const long = [
      ...code.filter((file) => lines(file).filter((line) => !isComment(line)).length > 320),
      ...scripts.filter((file) => lines(file).filter((line) => !isComment(line)).length > 60),
    ];

    expect(names(long)).toEqual([]);
  });

  test("has a kebab-case name that says more than utils, helpers or manager", () => {
    const odd = [...code, ...scripts].filter(({ name }) => {
      const base = path.basename(name);
      return (
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(base) ||
        /(^|-)(utils?|helpers?|manager|misc|common)[.-]/.test(base)
      );
    });

    expect(names(odd)).toEqual([]);
  });

  test("silences neither the compiler nor the linter", () => {
    const mark = new RegExp(
      ["@ts-" + "(ignore|nocheck|expect-error)", "eslint-" + "disable"].join("|"),
    );

    expect(names(code.filter((file) => mark.test(file.text)))).toEqual([]);
  });
});
