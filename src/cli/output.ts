// What commands print: aligned tables, JSON, and colour where a person looks at a terminal.
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

/** Lines of a table: a dim head, columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => visibleLength(row[column] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - visibleLength(cell)))
      .join(GAP)
      .trimEnd();
  return [paint("dim", line(head)), ...rows.map(line)];
}

/** Lines of name and value, the names aligned. */
export function pairs(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${paint("dim", name.padEnd(width))}${GAP}${value}`);
}

/** `text` cut to `length`, with an ellipsis where something was cut. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
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

function visibleLength(text: string): number {
  // Colour codes take no room: ESC [ digits m.
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g"), "").length;
}

/** Where a list goes on; an empty cursor: it is at its end. */
export function printMore(nextCursor: string): void {
  if (nextCursor !== "") print(paint("dim", `more: --cursor ${nextCursor}`));
}
