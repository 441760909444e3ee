// Commands on their way into the log: refused where they could not be committed here, or where too
// many wait already.
import { invariant } from "./errors.js";
import { appendAsLeader } from "./leader-log.js";
import type { ProposalRefusal, ProposeResult, Refused } from "./results.js";
import type { RaftState } from "./state.js";

/** Appends one entry for each. */
export function propose(state: RaftState, data: readonly Uint8Array[]): ProposeResult {
  const { leadership, config } = state;
  invariant(data.length > 0, "nothing was proposed");
  const refuse = (reason: ProposalRefusal): Refused<ProposalRefusal> => ({
    kind: "refused",
    reason,
    leader: state.leader,
  });
  if (leadership === undefined) return refuse("not-leader");
  if (leadership.transfer !== undefined) return refuse("transferring");
  const { uncommitted } = leadership;
  const bytes = data.reduce((sum, each) => sum + each.byteLength, 0);
  // A batch above the limit may pass alone, else it could never.
  if (uncommitted.bytes > 0 && uncommitted.bytes + bytes > config.maxUncommittedBytes) {
    return refuse("too-many-uncommitted");
  }
  const entries = appendAsLeader(state, "command", data);
  const first = entries[0];
  const last = entries.at(-1);
  invariant(first !== undefined && last !== undefined, "an entry for each was appended");
  uncommitted.batches.push({ lastIndex: last.index, bytes });
  uncommitted.bytes += bytes;
  return { kind: "accepted", index: first.index, term: first.term };
}
