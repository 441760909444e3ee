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
const isOfSrc = (name: string) => name.startsWith(`src${path.sep}`);
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

  test("of src has at most 300 lines, blank ones and comments counted", () => {
    const long = code.filter(({ name, text }) => isOfSrc(name) && text.split("\n").length > 301);

    expect(names(long)).toEqual([]);
  });

  test("of src that is shorter than 15 lines has a reason to stand alone", () => {
    const importers = new Map<string, number>();
    for (const { name, text } of code.filter((file) => isOfSrc(file.name))) {
      for (const [, target = ""] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
        const file = path.join(path.dirname(name), target).replace(/\.js$/, ".ts");
        importers.set(file, (importers.get(file) ?? 0) + 1);
      }
    }
    // Two need it; or nobody does, as it is started and not imported; or it is one of the commands.
    const alone = code.filter(({ name, text }) => {
      if (!isOfSrc(name) || text.trimEnd().split("\n").length >= 15) return false;
      return importers.get(name) === 1 && !/Command\(/.test(text);
    });

    expect(names(alone)).toEqual([]);
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
