// What the handlers of journal-handlers.mjs have written down.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Module with the task types `note`, `hold`, `burn` and others. */
export const journalHandlers = fileURLToPath(new URL("journal-handlers.mjs", import.meta.url));

export interface JournalLine {
  readonly event: "started" | "aborted" | "failed" | "ended" | "unblocked" | "stopped" | "went on";
  readonly id: string;
  readonly attempt: number;
  readonly fence: number;
  readonly pid: number;
  /** Id of the node where it has handlers of its own; else the pid. */
  readonly node: string;
  /** Monotonic clock of the machine, in nanoseconds. */
  readonly atNs: string;
  /** Of an abort. */
  readonly reason?: string;
}

export class Journal {
  readonly folder = mkdtempSync(path.join(tmpdir(), "taskmesh-journal-"));

  /** A module with the same handlers, which sign with the name of the node. */
  handlersOf(node: string): string {
    const file = path.join(this.folder, `${node}.mjs`);
    const source = pathToFileURL(journalHandlers).href;
    const lines = [
      `import { handlersOf } from ${JSON.stringify(source)};`,
      `export default handlersOf(${JSON.stringify(node)});`,
    ];
    writeFileSync(file, lines.join("\n"));
    return file;
  }

  /** Every line so far; those of one process are in the order of writing. */
  lines(): JournalLine[] {
    return readdirSync(this.folder)
      .filter((file) => file.endsWith(".jsonl"))
      .flatMap((file) => readFileSync(path.join(this.folder, file), "utf8").split("\n"))
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as JournalLine);
  }

  of(id: string, event?: JournalLine["event"]): JournalLine[] {
    return this.lines().filter(
      (line) => line.id === id && (event === undefined || line.event === event),
    );
  }

  /** How often each task was started. */
  starts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { event, id } of this.lines()) {
      if (event === "started") counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
