// One core, A of a cluster of three, with a disk of its own and no network: a test gives it messages and
// looks at what it answers.
import { logIndex, nodeId, RaftCore, term } from "../../src/raft/core/index.js";
import { membershipOf } from "./raft-scenario-cluster.js";
import { ScenarioDisk } from "./raft-scenario-disk.js";
import type { Entry, Message, RaftCoreOptions, Ready } from "../../src/raft/core/index.js";

export const [A, B, C] = [nodeId("A"), nodeId("B"), nodeId("C")];

export interface Server {
  readonly core: RaftCore;
  readonly disk: ScenarioDisk;
}

/** A, with a log of these terms on its disk. */
export function start(
  terms: readonly number[],
  currentTerm: number,
  options: Partial<RaftCoreOptions> = {},
): Server {
  const disk = new ScenarioDisk();
  disk.prepare(terms.map(term), term(currentTerm), undefined);
  const core = new RaftCore({
    id: A,
    log: disk,
    hardState: disk.hardState,
    membership: membershipOf([A, B, C]),
    applied: logIndex(0),
    random: () => 0,
    ...options,
  });
  return { core, disk };
}

/** Does all work there is; returns the messages that left. */
export function work(server: Server): readonly Message[] {
  const messages: Message[] = [];
  while (server.core.hasReady()) messages.push(...done(server, server.core.ready()));
  return messages;
}

/** Does the work of one batch; returns the messages that left. */
export function done({ core, disk }: Server, ready: Ready): readonly Message[] {
  const { messages, write, committed } = ready;
  if (write !== undefined) {
    disk.write(write);
    core.persisted(write.sequence);
  }
  const last = committed.at(-1);
  if (last !== undefined) core.applied(last.index);
  return [...messages, ...(write?.messagesAfter ?? [])];
}

/** A is elected in the term after its own, with the votes of B. */
export function elect(server: Server): void {
  const { core } = server;
  core.campaign();
  work(server);
  for (const preVote of [true, false]) {
    const elected = term(core.status().term + (preVote ? 1 : 0));
    const vote = { from: B, to: A, term: elected, preVote, granted: true, offersLog: false };
    core.step({ kind: "vote-response", ...vote });
    work(server);
  }
}

/** A command. */
export function entry(index: number, entryTerm: number): Entry {
  const data = new TextEncoder().encode(`${entryTerm}.${index}`);
  return { index: logIndex(index), term: term(entryTerm), kind: "command", data };
}
