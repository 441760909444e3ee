// The record of a mesh's formation: its identity and who was in it first.
import { z } from "zod";
import { parseRecord } from "./parse-record.js";

const schema = z.object({
  meshId: z.string().min(1).max(256),
  members: z
    .array(z.object({ id: z.string().min(1).max(256), address: z.string().min(1).max(261) }))
    .max(1_024),
  voters: z.int().min(1).max(1_024).optional(),
  rewritten: z.boolean().optional(),
});

export interface FormationMember {
  readonly id: string;
  readonly address: string;
}

export interface Formation {
  readonly meshId: string;
  /** The initial membership; where the record was rewritten, members to ask for admission. */
  readonly members: readonly FormationMember[];
  /**
   * How many of the initial members vote, as the node that formed the mesh is configured: every
   * founder must come to the same membership. Undefined in a record that makes no founders.
   */
  readonly voters?: number | undefined;
  /**
   * True where a living node wrote the record again after the registry had been wiped. Such a
   * record makes no founders: its mesh exists, whoever has no Raft state can only join it.
   */
  readonly rewritten: boolean;
}

/** JSON text of the record. */
export function encodeFormation(formation: Formation): string {
  return JSON.stringify(formation);
}

/** Reads a record; undefined where the text is none. */
export function decodeFormation(text: string): Formation | undefined {
  const parsed = parseRecord(schema, text);
  if (parsed === undefined) return undefined;
  const { meshId, members, voters, rewritten } = parsed;
  return { meshId, members, voters, rewritten: rewritten ?? false };
}
