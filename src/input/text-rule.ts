// What text from outside must be, for the node, the gateway and the command line alike. Text that is
// not well formed would be kept as another one: every half character becomes the same U+FFFD in UTF-8,
// so that two keys became one.
import { isUtf8 } from "node:buffer";

/** What stands in the place of bytes that are no UTF-8, where a runtime decodes before it can be asked. */
const REPLACEMENT = "\uFFFD";
const CONTROL_CHARACTER = /\p{Cc}/u;

/** To stand behind the name of a field. */
export const WELL_FORMED_RULE =
  "has half of a surrogate pair, which is no character: send well-formed Unicode";

/** To stand behind the name of a field. */
export const PLAIN_RULE = "must have no control characters, such as NUL, tab or a line break";

/** True for a name or a key: well-formed text that neither a terminal nor a log takes for a command. */
export function isPlain(text: string): boolean {
  return text.isWellFormed() && !CONTROL_CHARACTER.test(text);
}

/** True where a runtime may have put U+FFFD for bytes that are no UTF-8; it is refused itself, too. */
export function mayBeGarbled(text: string): boolean {
  return text.includes(REPLACEMENT);
}

/**
 * The text of an HTTP header, which the runtime hands over as one character for each byte.
 *
 * @returns undefined where the bytes are no UTF-8
 */
export function headerText(header: string): string | undefined {
  const bytes = Buffer.from(header, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}

/** Path of the first string in a JSON value, or the first key, that is not well formed; undefined: none. */
export function illFormedIn(value: unknown): readonly string[] | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : [];
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const path = key.isWellFormed() ? illFormedIn(inner) : [];
    if (path !== undefined) return [key.toWellFormed(), ...path];
  }
  return undefined;
}
