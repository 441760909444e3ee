// Tables for people: as wide as their content in a pipe, and no wider than the terminal on one.
import { cut, outputWidth, paint, visibleLength } from "./output.js";

/** In place of a cell. */
type CellText = (cell: string) => string;

export interface Column {
  readonly title: string;
  /** In place of title and cells where the table would be too wide. */
  readonly narrow?: { readonly title: string; readonly cell?: CellText };
  /** Where that is not enough the cells are cut, to no less than this. Only for cells without colour. */
  readonly min?: number;
  /** Left out where nothing else helps, the last one first; JSON has it. */
  readonly isOptional?: boolean;
}

interface Strip {
  readonly column: Column;
  readonly title: string;
  readonly cells: readonly string[];
}

const GAP = "  ";

/**
 * Lines of a table: a dim head, columns as wide as their widest cell.
 *
 * @param width columns of the terminal; default: those of standard output, without bound in a pipe
 */
export function table(
  head: readonly (string | Column)[],
  rows: readonly (readonly string[])[],
  width = outputWidth(),
): string[] {
  const columns = head.map((one) => (typeof one === "string" ? { title: one } : one));
  const strips = fitted(
    columns.map((column, at) => ({
      column,
      title: column.title,
      cells: rows.map((row) => row[at] ?? ""),
    })),
    width,
  );
  const widths = strips.map(widthOf);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell + " ".repeat((widths[at] ?? 0) - visibleLength(cell)))
      .join(GAP)
      .trimEnd();
  return [
    paint("dim", line(strips.map(({ title }) => title))),
    ...rows.map((_, row) => line(strips.map(({ cells }) => cells[row] ?? ""))),
  ];
}

function fitted(strips: readonly Strip[], width: number): readonly Strip[] {
  if (totalOf(strips) <= width) return strips;
  let shown = strips.map(narrowed);
  for (;;) {
    const excess = totalOf(shown) - width;
    if (excess <= 0) return shown;
    const widest = shown.reduce((most, strip) => (spareOf(strip) > spareOf(most) ? strip : most));
    const last = shown.findLast(({ column }) => column.isOptional);
    if (spareOf(widest) > 0) {
      const room = widthOf(widest) - 1;
      shown = shown.map((strip) => (strip === widest ? cutTo(strip, room) : strip));
    } else if (last !== undefined) shown = shown.filter((strip) => strip !== last);
    else return shown;
  }
}

function narrowed(strip: Strip): Strip {
  const { narrow } = strip.column;
  if (narrow === undefined) return strip;
  const cells = narrow.cell === undefined ? strip.cells : textsOf(strip.cells, narrow.cell);
  return { ...strip, title: narrow.title, cells };
}

function cutTo(strip: Strip, room: number): Strip {
  return {
    ...strip,
    title: cut(strip.title, room),
    cells: strip.cells.map((one) => cut(one, room)),
  };
}

/** By how much it may be cut. */
function spareOf(strip: Strip): number {
  const { min } = strip.column;
  return min === undefined ? 0 : Math.max(0, widthOf(strip) - min);
}

function widthOf({ title, cells }: Strip): number {
  return Math.max(title.length, ...cells.map(visibleLength));
}

function totalOf(strips: readonly Strip[]): number {
  return strips.reduce((sum, strip) => sum + widthOf(strip), GAP.length * (strips.length - 1));
}

function textsOf(cells: readonly string[], textOf: CellText): readonly string[] {
  return cells.map((cell) => textOf(cell));
}
