// Reads the JSON text of a record of the registry, which anybody may have written.
import type { z } from "zod";

/** Undefined where the text is no such record. */
export function parseRecord<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
