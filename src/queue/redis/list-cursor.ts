// The place in a listing, as opaque text for clients: the sequence below which the next page starts.
import { InvalidCursor } from "./errors.js";

const VERSION = "1";

/** The cursor of the page that begins below a sequence. */
export function encodeCursor(belowSequence: number): string {
  return Buffer.from(`${VERSION}:${belowSequence}`).toString("base64url");
}

/** @throws InvalidCursor */
export function decodeCursor(cursor: string): number {
  const match = /^1:([0-9]{1,16})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  const sequence = Number(match?.[1]);
  // Decoding forgives what encoding would not write; only the one spelling counts.
  if (!Number.isSafeInteger(sequence) || encodeCursor(sequence) !== cursor)
    throw new InvalidCursor();
  return sequence;
}
