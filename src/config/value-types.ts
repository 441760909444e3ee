// What several sections of the configuration are made of.
import { z } from "zod";
import { isHost } from "../input/host-port.js";

export const port = z.int().min(1).max(65_535);
/** A name or an IP address; an IPv6 address without brackets. */
export const host = z
  .string()
  .min(1)
  .refine(isHost, "must be a name or an IP address, without a port and without brackets");
export const milliseconds = (min: number, max: number) => z.int().min(min).max(max);
/** Bound of the heap of a process that `taskmesh up` starts, in MB. */
export const heapMb = z.int().min(128).max(65_536).default(512);
export const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z, 0-9 and -, not starting with -");
