// A leader's sign of life and its answer (§3.4): keeps followers from campaigning, tells what is
// committed, carries read rounds, and finds followers that lost what was sent to them.
import { invariant } from "./errors.js";
import { hearFromLeader } from "./leader-contact.js";
import { progressOf } from "./leader-log.js";
import { sendLossProbe } from "./replication.js";
import { logIndex } from "./types.js";
import { willingness } from "./willingness.js";
import type { Heartbeat, HeartbeatResponse } from "./message.js";
import type { RaftState } from "./state.js";

/** To every follower and learner. */
export function broadcastHeartbeat(state: RaftState): void {
  const { leadership, log } = state;
  invariant(leadership !== undefined, "only a leader sends heartbeats");
  leadership.heartbeatElapsed = 0;
  for (const [id, progress] of leadership.peers) {
    state.outbox.send({
      kind: "heartbeat",
      from: state.id,
      to: id,
      term: state.term,
      admittedAt: progress.admittedAt,
      commit: logIndex(Math.min(progress.match, log.commit)),
      readRound: leadership.reads.lastRound,
    });
  }
}

export function handleHeartbeat(state: RaftState, message: Heartbeat): void {
  hearFromLeader(state, message.from);
  invariant(
    message.commit <= state.log.lastIndex,
    `acknowledged entries are lost: ${message.commit} is committed, the log ends at ${state.log.lastIndex}`,
  );
  state.log.commitTo(message.commit);
  state.outbox.send({
    kind: "heartbeat-response",
    from: state.id,
    to: message.from,
    term: state.term,
    admittedAt: message.admittedAt,
    readRound: message.readRound,
    leadershipPriority: willingness(state),
  });
}

/** The caller confirms reads afterwards. */
export function handleHeartbeatResponse(state: RaftState, message: HeartbeatResponse): void {
  const { leadership, log } = state;
  const progress = progressOf(state, message);
  if (leadership === undefined || progress === undefined) return;
  progress.recentActive = true;
  progress.leadershipPriority = message.leadershipPriority;
  progress.ackedRound = Math.max(progress.ackedRound, message.readRound);
  switch (progress.state) {
    case "probe":
      // Answers, but not the probe: that one was lost, or it is a new start of this server.
      progress.probeSent = false;
      break;
    case "replicate":
      if (progress.match < progress.next - 1 && progress.match === progress.matchAtHeartbeat) {
        sendLossProbe(state, message.from, progress);
      }
      break;
    case "snapshot":
      break;
  }
  progress.matchAtHeartbeat = progress.match;
  if (progress.match < log.lastIndex || progress.state !== "replicate") {
    leadership.replicationDue = true;
  }
}
