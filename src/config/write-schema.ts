// Writes docs/cluster.config.schema.json, which editors use to complete and check the config file.
// Run by `npm run config:schema`.
import { writeFileSync } from "node:fs";
import { configJsonSchema } from "./leaves.js";

const target = new URL("../../docs/cluster.config.schema.json", import.meta.url);
writeFileSync(target, `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
