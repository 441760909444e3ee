// The packages that taskmesh stands on: each is there on purpose, and each is used.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the project is promised to be built on. */
const FIXED = [
  "@grpc/grpc-js",
  "@grpc/proto-loader",
  "ioredis",
  "p-retry",
  "pino",
  "ts-proto",
  "vitest",
];

interface PackageJson {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const description = JSON.parse(
  readFileSync(path.join(root, "package.json"), "utf8"),
) as PackageJson;

function textOf(folders: readonly string[]): string {
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true }),
    )
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

describe("packages", () => {
  test("the fixed ones are there", () => {
    const { dependencies, devDependencies } = description;

    expect(Object.keys({ ...dependencies, ...devDependencies })).toEqual(
      expect.arrayContaining(FIXED),
    );
  });

  test("every one is pinned to one version", () => {
    const versions = Object.entries({
      ...description.dependencies,
      ...description.devDependencies,
    });

    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test("every one that ships is imported", () => {
    const text = textOf(["src"]);
    const unused = Object.keys(description.dependencies).filter(
      (name) => !new RegExp(`(from|import\\(|import|require\\() ?"${name}(/[^"]*)?"`).test(text),
    );

    expect(unused).toEqual([]);
  });
});
