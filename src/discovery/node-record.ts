// What a node says of itself in the registry, and its JSON form.
import { z } from "zod";
import { parseHostPort } from "../input/host-port.js";
import { parseRecord } from "./parse-record.js";

const MAX_LIST = 1_024;
const shortText = z.string().min(1).max(256);

const schema = z.object({
  id: shortText,
  address: z.string().refine((text) => parseHostPort(text) !== undefined, "must be host:port"),
  concurrency: z.int().min(0).max(1_000_000),
  labels: z.array(shortText).max(MAX_LIST).readonly(),
  types: z.array(shortText).max(MAX_LIST).readonly(),
  version: z.string().max(256),
  meshId: shortText.optional(),
  host: z.string().max(256),
  pid: z.int().min(0),
  startedAtMs: z.int().min(0),
  draining: z.boolean(),
});

/** A node as the others find it. */
export interface NodeRecord {
  readonly id: string;
  /** host:port at which its gRPC server is reached. */
  readonly address: string;
  /** Tasks that it runs at a time. */
  readonly concurrency: number;
  readonly labels: readonly string[];
  /** Task types that it handles. */
  readonly types: readonly string[];
  readonly version: string;
  /** Mesh of its Raft state; undefined while it has none. */
  readonly meshId: string | undefined;
  readonly host: string;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly draining: boolean;
}

/** JSON text of a record. The same record always gives the same text: a change is seen by bytes. */
export function encodeNodeRecord(record: NodeRecord): string {
  return JSON.stringify({
    id: record.id,
    address: record.address,
    concurrency: record.concurrency,
    labels: record.labels,
    types: record.types,
    version: record.version,
    meshId: record.meshId,
    host: record.host,
    pid: record.pid,
    startedAtMs: record.startedAtMs,
    draining: record.draining,
  });
}

/**
 * Reads a record; undefined where the text is none. Fields that it does not know are left aside, so
 * that nodes of two versions can meet.
 */
export function decodeNodeRecord(text: string): NodeRecord | undefined {
  const parsed = parseRecord(schema, text);
  return parsed && { ...parsed, meshId: parsed.meshId };
}
