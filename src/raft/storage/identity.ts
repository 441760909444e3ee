// Whose folder this is, and the configuration that its cluster was bootstrapped with: written once,
// as a line of JSON and a line with its checksum.
import path from "node:path";
import {
  decodeMembership,
  encodeMembership,
  InvariantViolation,
  type Membership,
} from "../core/index.js";
import { crc32c } from "./crc32c.js";
import { errorCode, LogCorrupt } from "./errors.js";
import { type FileSystem, readWhole } from "./file-system.js";

export interface StorageIdentity {
  readonly serverId: string;
  readonly meshId: string;
  /** What people call the mesh; undefined where whoever made the folder did not say. */
  readonly meshName?: string | undefined;
  readonly createdAtMs: number;
  /** Meshes that this one has taken the place of after a disaster, the latest last; see refounding.ts. */
  readonly supersedes: readonly string[];
}

export interface StoredIdentity {
  readonly identity: StorageIdentity;
  readonly membership: Membership;
}

const FILE = "identity";
const FORMAT_VERSION = 1;
/** A mesh is not refounded often: the oldest of more are forgotten. */
const MAX_SUPERSEDED = 16;

/** Undefined where the folder has none. Throws `LogCorrupt` for one that is damaged. */
export async function readIdentity(
  files: FileSystem,
  dir: string,
): Promise<StoredIdentity | undefined> {
  const file = path.join(dir, FILE);
  let text: string;
  try {
    text = (await readWhole(files, file)).toString("utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const [json = "", checksum = ""] = text.split("\n");
  if (checksumOf(json) !== checksum) {
    throw new LogCorrupt(file, 0, "the identity does not match its checksum");
  }
  const fields = JSON.parse(json) as Record<string, unknown>;
  const { version, serverId, meshId, createdAtMs, membership, supersedes = [] } = fields;
  const { meshName } = fields;
  if (version !== FORMAT_VERSION) {
    const what = `format version ${String(version)}, this program reads ${FORMAT_VERSION}`;
    throw new LogCorrupt(file, 0, what);
  }
  if (
    typeof serverId !== "string" ||
    typeof meshId !== "string" ||
    typeof createdAtMs !== "number" ||
    typeof membership !== "string" ||
    (meshName !== undefined && typeof meshName !== "string") ||
    !Array.isArray(supersedes)
  ) {
    throw new LogCorrupt(file, 0, "the identity lacks a field");
  }
  try {
    return {
      identity: { serverId, meshId, meshName, createdAtMs, supersedes: supersedes.map(String) },
      membership: decodeMembership(Buffer.from(membership)),
    };
  } catch (error) {
    if (error instanceof InvariantViolation) throw new LogCorrupt(file, 0, error.message);
    throw error;
  }
}

/** Durable, whole or not at all, when it resolves. */
export async function writeIdentity(
  files: FileSystem,
  dir: string,
  { identity, membership }: StoredIdentity,
): Promise<void> {
  const json = JSON.stringify({
    version: FORMAT_VERSION,
    ...identity,
    supersedes: identity.supersedes.slice(-MAX_SUPERSEDED),
    membership: Buffer.from(encodeMembership(membership)).toString("utf8"),
  });
  const file = path.join(dir, FILE);
  const aside = `${file}.part`;
  const handle = await files.open(aside, "create");
  try {
    await handle.write(Buffer.from(`${json}\n${checksumOf(json)}\n`), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await files.rename(aside, file);
  await files.syncFolder(dir);
}

function checksumOf(json: string): string {
  return crc32c(Buffer.from(json)).toString(16).padStart(8, "0");
}
