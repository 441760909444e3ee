import { expect, test } from "vitest";
import { CommandBatch } from "../../../src/gen/mesh/v1/command.js";
import {
  MeshVersion,
  SPOKEN_VERSION,
  VersionTooNew,
} from "../../../src/queue/state/mesh-version.js";

const activate = (version: number): CommandBatch => ({
  atMs: 1,
  commands: [{ kind: { $case: "activateVersion", value: { version } } }],
});

test("a mesh speaks the first version until a later one is decided, and never goes back", () => {
  const version = new MeshVersion();
  expect(version.active).toBe(1);

  version.apply(1, activate(SPOKEN_VERSION));
  version.apply(2, activate(0));

  expect(version.active).toBe(SPOKEN_VERSION);
});

test("an entry of a later version is refused by name, with what to do", () => {
  const apply = (): void => new MeshVersion().apply(7, activate(SPOKEN_VERSION + 1));

  expect(apply).toThrow(VersionTooNew);
  expect(apply).toThrow(`entry 7 of the log is of version ${SPOKEN_VERSION + 1}`);
  expect(apply).toThrow("start the release that wrote it, or a later one");
});

test("a command that this release does not know is not passed over", () => {
  // Field 500 of a command, empty: what a later release may write.
  const batch = CommandBatch.decode(Buffer.from([0x12, 0x03, 0xa2, 0x1f, 0x00]));

  expect(batch.commands).toHaveLength(1);
  expect(() => new MeshVersion().apply(3, batch)).toThrow(VersionTooNew);
});

test("a snapshot of a later version is refused, one that has none is of the first", () => {
  const version = new MeshVersion();
  expect(() => version.restore([SPOKEN_VERSION + 1])).toThrow("the snapshot is of version");

  version.restore([]);

  expect(version.active).toBe(1);
});
