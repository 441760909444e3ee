// The file of a backup: a compressed tar archive of a data folder's files, with a manifest in front that says
// whose they are and how far they go.
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import * as tar from "tar";
import { z } from "zod";
import { RecoveryRefused } from "./errors.js";

/** Counted up when a program of before could not restore what is written now. */
export const BACKUP_FORMAT = 1;
const MANIFEST = "manifest.json";

const manifestSchema = z.object({
  format: z.int(),
  mesh: z.string(),
  meshId: z.string(),
  nodeId: z.string(),
  lastIndex: z.int(),
  commit: z.int(),
  snapshotIndex: z.int(),
  takenAt: z.string(),
  version: z.string(),
});

/** What a backup is of. */
export type BackupManifest = Readonly<z.infer<typeof manifestSchema>>;

/** Packs a folder; the file is there whole, and readable by its owner alone, or not at all. */
export async function packBackup(
  folder: string,
  file: string,
  manifest: BackupManifest,
): Promise<void> {
  await writeFile(path.join(folder, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const names = (await readdir(folder)).filter((name) => name !== MANIFEST).sort();
  const aside = `${file}.part`;
  try {
    await tar.create({ gzip: true, cwd: folder, file: aside, portable: true, mode: 0o600 }, [
      MANIFEST,
      ...names,
    ]);
    await syncFile(aside);
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** @throws RecoveryRefused where it is no backup, or one of a later version */
export async function readManifest(file: string): Promise<BackupManifest> {
  const found: Promise<string>[] = [];
  try {
    await tar.list({
      file,
      strict: true,
      onReadEntry: (entry) => {
        if (entry.path === MANIFEST) found.push(entry.concat().then(String));
        else entry.resume();
      },
    });
    const [text = ""] = await Promise.all(found);
    return parseManifest(file, text);
  } catch (cause) {
    if (cause instanceof RecoveryRefused) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RecoveryRefused(`${file} cannot be read as a backup: ${reason}`, { cause });
  }
}

/** Unpacks a backup into a folder that is made for it. @throws RecoveryRefused */
export async function unpackBackup(file: string, folder: string): Promise<void> {
  const there = await readdir(folder).catch(() => []);
  if (there.length > 0) {
    throw new RecoveryRefused(`${folder} is not empty: move what is in it away first`);
  }
  await mkdir(folder, { recursive: true });
  await tar.extract({
    file,
    cwd: folder,
    strict: true,
    // Files alone, all of them in the folder itself: whatever else an archive may hold is not ours.
    filter: (name, entry) =>
      name !== MANIFEST && path.basename(name) === name && "type" in entry && entry.type === "File",
  });
}

function parseManifest(file: string, text: string): BackupManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new RecoveryRefused(`${file} is no backup of a node: it has no ${MANIFEST}`);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw new RecoveryRefused(`${file}: its ${MANIFEST} cannot be read`);
  const { format, version } = parsed.data;
  if (format !== BACKUP_FORMAT) {
    throw new RecoveryRefused(
      `${file} has format ${format}, written by version ${version}: this version reads ${BACKUP_FORMAT}`,
    );
  }
  return parsed.data;
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
