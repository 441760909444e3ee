// What several sections of the configuration are made of.
import { z } from "zod";

export const port = z.int().min(1).max(65_535);
export const milliseconds = (min: number, max: number) => z.int().min(min).max(max);
export const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z, 0-9 and -, not starting with -");
