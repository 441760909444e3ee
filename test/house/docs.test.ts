// The docs name files as they are: a file that is moved or new is moved or told there, too.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Paths from the root, of every file below a folder. */
function filesBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .map((file) => file.split(path.sep).join("/"));
}

const files = ["src", "test", "bench", "proto", "docs"].flatMap(filesBelow);
const pages = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"));

/**
 * What stands in code quotes on a page and is the name of a file, with as much of its path as is told; a star
 * stands for any part of a name.
 */
function namedOn(page: string): string[] {
  const text = readFileSync(path.join(root, "docs", page), "utf8");
  const names = Array.from(
    text.matchAll(/`([\w./*-]+\.(?:ts|mjs|lua|proto))`/g),
    ([, name]) => name,
  );
  return names.filter((name) => name !== undefined);
}

function isNamed(file: string, name: string): boolean {
  const pattern = name.replaceAll(".", "\\.").replaceAll("*", "[^/]*");
  return new RegExp(`/${pattern}$`).test(`/${file}`);
}

describe("the docs", () => {
  test.each(pages)("%s names files that are there", (page) => {
    const isThere = (name: string) => files.some((file) => isNamed(file, name));

    expect(namedOn(page).filter((name) => !isThere(name))).toEqual([]);
  });

  test.each(["queue", "mesh"])("%s.md tells of every room of src/%s", (layer) => {
    const text = readFileSync(path.join(root, "docs", `${layer}.md`), "utf8");
    const rooms = readdirSync(path.join(root, "src", layer), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `\`${entry.name}/\``);

    expect(rooms.filter((room) => !text.includes(room))).toEqual([]);
  });
});
