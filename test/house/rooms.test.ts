// The table of the rooms, src/rooms.json, and the tree say the same. That no import goes another way
// than the table allows is dependency-cruiser's to say, which reads the same table.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { describe, expect, test } from "vitest";

interface Room {
  readonly room: string;
  readonly duty: string;
  readonly imports: readonly string[];
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const rooms = JSON.parse(readFileSync(path.join(root, "src/rooms.json"), "utf8")) as Room[];
const listed = new Set(rooms.map(({ room }) => room));

const hasRooms = (layer: string) => rooms.some(({ room }) => room.startsWith(`${layer}/`));

/** The room of a file in src, by its folder: below a layer without rooms of its own all is that layer's. */
function roomOf(file: string): string {
  const [, layer = "", folder = ""] = file.split("/");
  const isBesideRooms = file.split("/").length <= 3;
  return hasRooms(layer) && !isBesideRooms ? `${layer}/${folder}` : layer;
}

/** Each room that imports another one, by their names. */
async function importsOfSrc(): Promise<ReadonlySet<string>> {
  const { output } = await cruise(["src"], {
    baseDir: root,
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules|src/gen" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs"] },
  });
  const { modules } = output as ICruiseResult;
  const pairs = modules.flatMap(({ source, dependencies }) =>
    dependencies
      .filter(({ resolved }) => source.startsWith("src/") && resolved.startsWith("src/"))
      .map(({ resolved }) => `${roomOf(source)} imports ${roomOf(resolved)}`),
  );
  return new Set(pairs);
}

describe("the table of the rooms", () => {
  test("has every folder with code, and no other", () => {
    const files = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|mjs)$/.test(file))
      .map((file) => roomOf(`src/${file.split(path.sep).join("/")}`));

    expect([...new Set(files)].sort()).toEqual([...listed].sort());
  });

  test("goes from the ground up: a room imports only what comes before it in the table", () => {
    const upwards = rooms.flatMap(({ room, imports }, at) => {
      const before = rooms.slice(0, at).map((other) => other.room);
      const wrong = imports.filter((other) => !before.includes(other));
      return wrong.map((other) => `${room} imports ${other}`);
    });

    expect(upwards).toEqual([]);
  });

  test("allows nothing that is not made use of", { timeout: 120_000 }, async () => {
    const used = await importsOfSrc();

    const unused = rooms.flatMap(({ room, imports }) =>
      imports.map((other) => `${room} imports ${other}`).filter((pair) => !used.has(pair)),
    );
    expect(unused).toEqual([]);
  });
});
