// The version that a mesh speaks: what is new in a later one is used only once every member understands it.
// It changes by applying the log alone, and never goes back: each node works beside the release before it,
// and an older one is told by name why it cannot take part any more.
import type { CommandBatch } from "../../gen/mesh/v1/command.js";

/**
 * The latest version that this program understands. Counted up with anything in the log, in a snapshot, in
 * Redis or on the wire that a program of before would misread; what is new then asks `MeshVersion.active`.
 */
export const SPOKEN_VERSION = 1;
/** That of a mesh which has decided none, and of a node that does not say. */
export const FIRST_VERSION = 1;

/** The log, or a snapshot, is of a later version than this program understands: it is to be upgraded. */
export class VersionTooNew extends Error {
  override readonly name = "VersionTooNew";
  readonly exitLine: string;

  constructor(what: string, version: number | undefined) {
    const found = version === undefined ? "a later version" : `version ${version}`;
    const exitLine =
      `${what} is of ${found}, and this program understands up to version ${SPOKEN_VERSION}: ` +
      "start the release that wrote it, or a later one, on this data folder";
    super(exitLine);
    this.exitLine = exitLine;
  }
}

export class MeshVersion {
  #active = FIRST_VERSION;

  get active(): number {
    return this.#active;
  }

  /**
   * Applies the commands of an entry.
   * @throws VersionTooNew for what this program does not understand: it must not go on without it
   */
  apply(index: number, { commands }: CommandBatch): void {
    for (const { kind } of commands) {
      const isOperationUnknown =
        kind?.$case === "operate" &&
        kind.value.command !== undefined &&
        kind.value.command.kind === undefined;
      if (kind === undefined || isOperationUnknown) {
        throw new VersionTooNew(`entry ${index} of the log`, undefined);
      }
      if (kind.$case !== "activateVersion") continue;
      this.#activate(kind.value.version, `entry ${index} of the log`);
    }
  }

  /** All there is, for a snapshot. */
  toSnapshot(): readonly number[] {
    return [this.#active];
  }

  /** Puts the content of a snapshot in the place of everything. @throws VersionTooNew */
  restore([version = FIRST_VERSION]: readonly number[]): void {
    this.#active = FIRST_VERSION;
    this.#activate(version, "the snapshot");
  }

  #activate(version: number, where: string): void {
    if (version > SPOKEN_VERSION) throw new VersionTooNew(where, version);
    this.#active = Math.max(this.#active, version);
  }
}
