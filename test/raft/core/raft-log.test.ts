// The log in memory and on disk: what a write vouches for when the log is cut back meanwhile, what is
// handed out to be applied, and that memory is given back.
import { beforeEach, describe, expect, it } from "vitest";
import { InvariantViolation, logIndex, term } from "../../../src/raft/core/index.js";
import { RaftLog } from "../../../src/raft/core/raft-log.js";
import { ScenarioDisk } from "../../support/raft-scenario-disk.js";
import type { Entry, LogIndex } from "../../../src/raft/core/index.js";

const index = logIndex;
const NO_LIMIT = 1_000_000;

function entries(entryTerm: number, from: number, to: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, position) => ({
    index: index(from + position),
    term: term(entryTerm),
    kind: "command",
    data: new Uint8Array(8),
  }));
}

describe("the log", () => {
  let disk: ScenarioDisk;
  let log: RaftLog;

  beforeEach(() => {
    disk = new ScenarioDisk();
    log = new RaftLog(disk, index(0), index(0));
  });

  function write(sequence: number): readonly Entry[] {
    const taken = log.takeUnwritten(sequence);
    disk.write({
      sequence,
      hardState: undefined,
      entries: taken,
      snapshotChunk: undefined,
      messagesAfter: [],
    });
    return taken;
  }

  it("vouches for what a write held once that write is done", () => {
    log.append(entries(1, 1, 3));
    write(1);
    log.append(entries(1, 4, 4));
    expect(log.persisted).toBe(0);
    log.notePersisted(1);
    expect(log.persisted).toBe(3);
  });

  it("does not take an old write for one of the entries that replaced it", () => {
    // given a write of term 1 under way
    log.append(entries(1, 1, 3));
    write(1);
    // when a new leader replaces its end, and it finishes
    log.truncateFrom(index(2));
    log.append(entries(2, 2, 3));
    write(2);
    log.notePersisted(1);
    // then only what both have in common is vouched for
    expect(log.persisted).toBe(1);
    log.notePersisted(2);
    expect(log.persisted).toBe(3);
  });

  it("does not take an old write for one when the same entries come back", () => {
    log.append(entries(3, 1, 2));
    write(1);
    log.truncateFrom(index(1));
    log.append(entries(2, 1, 2));
    write(2);
    log.truncateFrom(index(1));
    log.append(entries(3, 1, 2));
    write(3);
    log.notePersisted(1);
    log.notePersisted(2);
    expect(log.persisted).toBe(0);
    log.notePersisted(3);
    expect(log.persisted).toBe(2);
  });

  it("reads replaced entries from memory, never the old ones from disk", () => {
    log.append(entries(1, 1, 3));
    write(1);
    log.notePersisted(1);
    log.truncateFrom(index(2));
    expect(log.term(index(2))).toBeUndefined();
    log.append(entries(2, 2, 2));
    expect(log.lastIndex).toBe(2);
    expect(log.entries(index(1), index(3), NO_LIMIT).map((entry) => entry.term)).toEqual([1, 2]);
  });

  it("refuses to finish writes out of order", () => {
    log.append(entries(1, 1, 1));
    write(1);
    log.append(entries(1, 2, 2));
    write(2);
    expect(() => log.notePersisted(2)).toThrow(InvariantViolation);
  });

  it("refuses to drop what is committed", () => {
    log.append(entries(1, 1, 2));
    log.commitTo(index(2));
    expect(() => log.truncateFrom(index(2))).toThrow(InvariantViolation);
  });

  it("hands out for applying only what is committed and on this disk", () => {
    log.append(entries(1, 1, 3));
    log.commitTo(index(2));
    expect(log.hasCommitted(NO_LIMIT)).toBe(false);
    write(1);
    log.notePersisted(1);
    expect(log.takeCommitted(NO_LIMIT).map((entry) => entry.index)).toEqual([1, 2]);
    expect(log.hasCommitted(NO_LIMIT)).toBe(false);
  });

  it("holds entries back while as many bytes as it may hand out are being applied", () => {
    log.append(entries(1, 1, 5));
    log.commitTo(index(5));
    write(1);
    log.notePersisted(1);
    // Each counts 40 bytes.
    expect(log.takeCommitted(100).map((entry) => entry.index)).toEqual([1, 2]);
    expect(log.takeCommitted(100).map((entry) => entry.index)).toEqual([3]);
    expect(log.takeCommitted(100)).toEqual([]);
    log.noteApplied(index(2));
    expect(log.takeCommitted(100).map((entry) => entry.index)).toEqual([4]);
  });

  it("gives memory back for what is on disk and handed out, and still reads it", () => {
    const last = 5000;
    for (let next = 1; next <= last; next += 1) {
      log.append(entries(1, next, next));
      write(next);
      log.notePersisted(next);
      log.commitTo(index(next));
      log.takeCommitted(NO_LIMIT);
      log.noteApplied(index(next));
    }
    const readBefore: LogIndex[] = [];
    const read = disk.entries.bind(disk);
    disk.entries = (from, to) => {
      readBefore.push(from);
      return read(from, to);
    };
    expect(log.entries(index(10), index(12), NO_LIMIT)).toHaveLength(2);
    expect(readBefore).toEqual([10]);
  });

  it("limits entries by bytes, and returns one at least", () => {
    log.append(entries(1, 1, 5));
    expect(log.entries(index(1), index(6), 80)).toHaveLength(2);
    expect(log.entries(index(1), index(6), 1)).toHaveLength(1);
    expect(log.entries(index(6), index(6), 100)).toHaveLength(0);
  });

  it("starts only on a disk that has what was committed and applied", () => {
    disk.prepare([term(1), term(1)], term(1), undefined);
    expect(() => new RaftLog(disk, index(3), index(0))).toThrow(InvariantViolation);
    expect(() => new RaftLog(disk, index(0), index(3))).toThrow(InvariantViolation);
    expect(new RaftLog(disk, index(1), index(2)).commit).toBe(2);
  });
});
