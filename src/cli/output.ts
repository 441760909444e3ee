// What commands print: lines, aligned pairs, JSON, and colour where a person looks at a terminal.
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const GAP = "  ";

/** Whether to colour: on a terminal, unless NO_COLOR is set (https://no-color.org). */
export function isColourful(): boolean {
  const noColor = process.env["NO_COLOR"];
  return process.stdout.isTTY && (noColor === undefined || noColor === "");
}

/** `text` in `style` where colours are on. */
export function paint(style: Style, text: string): string {
  return isColourful() ? styleText(style, text) : text;
}

/** Writes one line to standard output. */
export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** Writes one line to standard error. */
export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Writes a value as JSON, indented. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** Columns of the terminal; without bound in a pipe, unless COLUMNS says otherwise. */
export function outputWidth(): number {
  const { isTTY, columns: told } = process.stdout;
  const columns = isTTY ? told : Number(process.env["COLUMNS"] ?? "");
  return Number.isInteger(columns) && columns > 0 ? columns : Number.POSITIVE_INFINITY;
}

/** Lines of name and value, the names aligned; a long value goes on below itself on a terminal. */
export function pairs(
  rows: readonly (readonly [string, string])[],
  outerWidth = outputWidth(),
): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  const room = outerWidth - width - GAP.length;
  return rows.flatMap(([name, value]) =>
    wrapped(value, room).map(
      (line, at) => `${paint("dim", (at === 0 ? name : "").padEnd(width))}${GAP}${line}`,
    ),
  );
}

/** Lines of at most `room` columns, broken at spaces; a word that is longer stays whole. */
export function wrapped(text: string, room: number): string[] {
  if (visibleLength(text) <= room) return [text];
  const lines: string[] = [];
  let line = "";
  for (const part of text.split(/(?<= )(?=[^ ])/)) {
    if (line !== "" && visibleLength((line + part).trimEnd()) > room) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += part;
  }
  return [...lines, line];
}

/** `text` on one line, cut to `length`, with an ellipsis where something was cut. */
export function cut(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

const STATUS_STYLE: Readonly<Record<string, Style>> = {
  completed: "green",
  healthy: "green",
  leader: "green",
  running: "cyan",
  pending: "yellow",
  scheduled: "yellow",
  degraded: "yellow",
  failed: "red",
  dead: "red",
  unhealthy: "red",
  cancelled: "dim",
};

/** A status word in its colour. */
export function status(word: string): string {
  const style = STATUS_STYLE[word];
  return style === undefined ? word : paint(style, word);
}

/** Columns that a text takes on a terminal. */
export function visibleLength(text: string): number {
  // Colour codes take no room: ESC [ digits m.
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g"), "").length;
}

/** Where a list goes on; an empty cursor: it is at its end. */
export function printMore(nextCursor: string): void {
  if (nextCursor !== "") print(paint("dim", `more: --cursor ${nextCursor}`));
}
