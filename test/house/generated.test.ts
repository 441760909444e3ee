// What is made from a source in the repository must be what that source says now.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { generatedHash } from "../../src/bootstrap/setup.mjs";
import { configJsonSchema } from "../../src/config/leaves.js";

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

describe("what is generated", () => {
  test("the code of src/gen is made from proto/ as it is (npm run setup makes it anew)", () => {
    expect(read("src/gen/.stamp")).toBe(generatedHash());
  });

  test("the schema of the config file is that of the code (npm run config:schema)", () => {
    expect(JSON.parse(read("docs/cluster.config.schema.json"))).toEqual(
      JSON.parse(JSON.stringify(configJsonSchema())),
    );
  });
});
