// The committed part of a node's log, decoded, as what follows it reads it.
import type { CommittedLog } from "../../queue/leader/redis-sync.js";
import type { CommittedEntry } from "../../queue/state/committed-entry.js";
import { committedEntry, type QueueMachine } from "../../queue/state/queue-machine.js";
import { logIndex, type RaftStorage } from "../../raft/index.js";

/** Log that is read at a time. */
const MAX_READ_BYTES = 4 * 1024 * 1024;

/** Up to where the state machine has applied it. */
export function committedLog(storage: RaftStorage, machine: QueueMachine): CommittedLog {
  return {
    firstIndex: () => storage.firstIndex(),
    appliedIndex: () => machine.appliedIndex,
    read: (from, maxEntries) => readCommitted(storage, machine, from, maxEntries),
  };
}

/** Committed entries, decoded: the recent ones as they are, older ones from the log. */
function readCommitted(
  storage: RaftStorage,
  machine: QueueMachine,
  from: number,
  maxEntries: number,
): readonly CommittedEntry[] {
  const to = Math.min(from + maxEntries, machine.appliedIndex + 1);
  const entries: CommittedEntry[] = [];
  for (let index = from; index < to; index += 1) {
    const entry = machine.recent(index);
    if (entry === undefined) break;
    entries.push(entry);
  }
  if (entries.length > 0) return entries;
  return storage.entries(logIndex(from), logIndex(to), MAX_READ_BYTES).map(committedEntry);
}
