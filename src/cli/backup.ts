// `taskmesh backup`: writes what a node has on its disk to one file, while the node is at work.
import path from "node:path";
import type { Command } from "commander";
import { baseCommand, type CommonOptions, configOf } from "./context.js";
import { print, printJson } from "./output.js";

interface BackupCommandOptions extends CommonOptions {
  readonly id: string;
  readonly data?: string;
  readonly json?: boolean;
}

/** The command `backup`. */
export function backupCommand(): Command {
  return baseCommand("backup", "write what a node has on its disk to a file, while it is at work")
    .argument("<file>", "file to write, such as taskmesh-backup.tgz")
    .option("--id <id>", "node whose disk it is", "n1")
    .option("--data <folder>", "data folder (default: nodes.dataDir of the config)")
    .option("--json", "print what it is of as JSON")
    .action((file: string, options: BackupCommandOptions) => backup(file, options));
}

async function backup(file: string, options: BackupCommandOptions): Promise<void> {
  const { config } = configOf(options);
  const folder = path.join(options.data ?? config.nodes.dataDir, "nodes", options.id);
  const { backUp } = await import("../mesh/recovery/backup.js");
  const { VERSION } = await import("../mesh/node/version.js");
  const now = (): Date => new Date();
  const manifest = await backUp({ folder, file, mesh: config.mesh, version: VERSION, now });
  if (options.json === true) {
    printJson(manifest);
    return;
  }
  print(
    `${file}: ${manifest.nodeId} of mesh ${manifest.mesh}, up to entry ${manifest.lastIndex}; ` +
      `taskmesh recover --from-backup ${file} makes a mesh of it`,
  );
}
