// The commands of scenario files. Each is a word, then servers by number, then options as name=value.
import { nodeId, term } from "../../src/raft/core/index.js";
import { formatEntries, formatStatus } from "./raft-scenario-format.js";
import { membershipOf } from "./raft-scenario-cluster.js";
import type {
  MemberChange,
  Message,
  NodeId,
  ProposeResult,
  Refused,
} from "../../src/raft/core/index.js";
import type { ScenarioCluster, ScenarioOptions } from "./raft-scenario-cluster.js";

interface Arguments {
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

type Command = (cluster: ScenarioCluster, args: Arguments) => void;

/** Runs one line; what happens is in the cluster's trace. */
export function runCommand(cluster: ScenarioCluster, line: string): void {
  const [name = "", ...rest] = line.split(" ").filter((word) => word !== "");
  const command = commands[name];
  if (command === undefined) throw new Error(`unknown command ${name}`);
  const isOption = (word: string) => /^[a-z-]+=/.test(word);
  const options = rest.filter(isOption).map((word): [string, string] => {
    const at = word.indexOf("=");
    return [word.slice(0, at), word.slice(at + 1)];
  });
  command(cluster, {
    words: rest.filter((word) => !isOption(word)),
    options: new Map(options),
  });
}

const commands: Readonly<Record<string, Command>> = {
  /** add-nodes 3 [learners=4,5] [option=value]: voters 1 to 3 of a new cluster. */
  "add-nodes": (cluster, { words, options }) => {
    const count = Number(words[0]);
    const voters = Array.from({ length: count }, (_, position) => nodeId(String(position + 1)));
    const learners = list(options.get("learners")).map(nodeId);
    for (const id of [...voters, ...learners]) {
      cluster.addNode(id, membershipOf(voters, learners), coreOptions(options));
    }
  },
  /** add-empty-node 4: a server that knows nobody. */
  "add-empty-node": (cluster, { words, options }) => {
    for (const id of words) cluster.addEmptyNode(nodeId(id), coreOptions(options));
  },
  /** set-log 2 terms=1,1,4 term=4 [vote=3]: its disk, then a restart. */
  "set-log": (cluster, { words, options }) => {
    const id = first(words);
    const terms = list(options.get("terms")).map((each) => term(Number(each)));
    const vote = options.get("vote");
    cluster
      .disk(id)
      .prepare(
        terms,
        term(Number(options.get("term"))),
        vote === undefined ? undefined : nodeId(vote),
      );
    cluster.restart(id);
  },
  campaign: (cluster, { words }) => cluster.core(first(words)).campaign(),
  /** tick 1 [10] */
  tick: (cluster, { words }) => {
    for (let count = 0; count < Number(words[1] ?? 1); count += 1)
      cluster.core(first(words)).tick();
  },
  /** late-tick 1 4: one call for four units of time. */
  "late-tick": (cluster, { words }) => cluster.core(first(words)).tick(Number(words[1])),
  /** tick-all 10: as much time for everyone, all work done at each tick. */
  "tick-all": (cluster, { words }) => {
    for (let count = 0; count < Number(words[0] ?? 1); count += 1) {
      for (const id of cluster.ids()) if (cluster.isUp(id)) cluster.core(id).tick();
      cluster.stabilize(cluster.ids());
    }
  },
  /** The same, and only what it comes to is printed. */
  "pass-time": (cluster, { words }) => {
    for (let count = 0; count < Number(words[0] ?? 1); count += 1) {
      for (const id of cluster.ids()) if (cluster.isUp(id)) cluster.core(id).tick();
      cluster.stabilize(cluster.ids());
    }
    cluster.takeTrace();
    printStatus(cluster, cluster.ids());
  },
  /** propose 1 a b c: one batch. */
  propose: (cluster, { words }) => {
    const data = words.slice(1).map((word) => new TextEncoder().encode(word));
    sayResult(cluster, cluster.core(first(words)).propose(data));
  },
  /** ready 1: takes one batch and leaves its write under way. */
  ready: (cluster, { words }) => void cluster.ready(first(words), true),
  /** persist 1: the oldest write is done. */
  persist: (cluster, { words }) => {
    if (!cluster.persist(first(words))) throw new Error("no write is under way");
  },
  /** process 1: takes all batches and does their writes. */
  process: (cluster, { words }) => {
    cluster.stabilize([first(words)]);
  },
  /** deliver [from=1] [to=2] [kind=heartbeat] [skip=1]: what is on its way now, but for the oldest. */
  deliver: (cluster, { options }) => void cluster.deliver(choice(options)),
  /** The same, and a copy stays on its way. */
  "deliver-copy": (cluster, { options }) => void cluster.deliver(choice(options), true),
  drop: (cluster, { options }) => cluster.drop(choice(options)),
  /** stabilize [1 2]: until nothing moves among them. */
  stabilize: (cluster, { words }) => {
    cluster.stabilize(words.length > 0 ? words.map(nodeId) : cluster.ids());
  },
  /** The same, and only what it comes to is printed. */
  settle: (cluster, { words }) => {
    cluster.stabilize(words.length > 0 ? words.map(nodeId) : cluster.ids());
    cluster.takeTrace();
    printStatus(cluster, cluster.ids());
  },
  /** cut 1 2: both ways. cut 1->2: one way. */
  cut: (cluster, { words }) => {
    for (const [from, to] of links(words)) cluster.cut(from, to);
  },
  heal: (cluster) => cluster.heal(),
  crash: (cluster, { words }) => {
    for (const id of words) cluster.crash(nodeId(id));
  },
  restart: (cluster, { words }) => {
    for (const id of words) cluster.restart(nodeId(id));
  },
  /** transfer 1 2 */
  transfer: (cluster, { words }) => {
    const [from, to] = words;
    const result = cluster
      .core(first(words.slice(0, 1)))
      .transferLeadership(to === undefined ? undefined : nodeId(to));
    cluster.say(
      result.kind === "started" ? `${String(from)} hands over to ${result.to}` : refusal(result),
    );
  },
  /** change-membership 1 add-voter=4,5 add-learner=6 remove=2 */
  "change-membership": (cluster, { words, options }) => {
    const changes: MemberChange[] = [];
    for (const [kind, ids] of options) {
      for (const id of list(ids).map(nodeId)) {
        const member = { id, address: `host-${id}` };
        if (kind === "remove") changes.push({ kind, id });
        else if (kind === "add-voter" || kind === "add-learner") changes.push({ kind, member });
        else throw new Error(`unknown change ${kind}`);
      }
    }
    sayResult(cluster, cluster.core(first(words)).proposeMembership(changes));
  },
  /** read 1 77: asks for a read index under that number. */
  read: (cluster, { words }) => cluster.core(first(words)).readIndex(Number(words[1])),
  /** compact 1 [size=100]: a snapshot of what is applied. */
  compact: (cluster, { words, options }) => {
    const index = cluster.compact(first(words), Number(options.get("size") ?? 100));
    cluster.say(`snapshot at ${index}`);
  },
  /** The next snapshot that it receives fails its check. */
  "corrupt-snapshot": (cluster, { words }) => {
    cluster.disk(first(words)).corruptNextSnapshot = true;
  },
  /** unreachable 1 2: the transport of 1 lost what was on its way to 2. */
  unreachable: (cluster, { words }) => {
    cluster.core(first(words)).reportUnreachable(first(words.slice(1)));
  },
  /** gone 2 1: the transport of 2 finds nobody at the address of 1. */
  gone: (cluster, { words }) => cluster.core(first(words)).reportGone(first(words.slice(1))),
  priority: (cluster, { words }) => {
    cluster.core(first(words)).setLeadershipPriority(Number(words[1]));
  },
  status: (cluster, { words }) => {
    printStatus(cluster, words.length > 0 ? words.map(nodeId) : cluster.ids());
  },
  /** log 1 2: what is on their disks. */
  log: (cluster, { words }) => {
    for (const id of words.length > 0 ? words.map(nodeId) : cluster.ids()) {
      const { term: current, vote } = cluster.disk(id).hardState;
      const entries = formatEntries(cluster.disk(id).all());
      cluster.say(`${id}: term ${current} vote ${vote ?? "none"} ${entries}`);
    }
  },
};

function printStatus(cluster: ScenarioCluster, ids: readonly NodeId[]): void {
  for (const id of ids) {
    if (cluster.isUp(id))
      formatStatus(cluster.core(id).status()).forEach((each) => cluster.say(each));
    else cluster.say(`${id}: down`);
  }
}

function sayResult<Reason extends string>(
  cluster: ScenarioCluster,
  result: ProposeResult<Reason>,
): void {
  cluster.say(
    result.kind === "accepted" ? `accepted at ${result.term}/${result.index}` : refusal(result),
  );
}

function refusal({ reason, leader }: Refused<string>): string {
  return `refused: ${reason}, leader ${leader ?? "unknown"}`;
}

function choice(options: ReadonlyMap<string, string>): (message: Message) => boolean {
  const fits = (name: string, value: string) =>
    !options.has(name) || list(options.get(name)).includes(value);
  const skipped = new Set<Message>();
  return (message) => {
    const { from, to, kind } = message;
    if (!(fits("from", from) && fits("to", to) && fits("kind", kind))) return false;
    if (skipped.size < Number(options.get("skip") ?? 0)) skipped.add(message);
    return !skipped.has(message);
  };
}

function links(words: readonly string[]): readonly (readonly [NodeId, NodeId])[] {
  const [a, b] = words;
  if (a !== undefined && b !== undefined && !a.includes(">")) {
    return words.slice(1).flatMap((other): [NodeId, NodeId][] => [
      [nodeId(a), nodeId(other)],
      [nodeId(other), nodeId(a)],
    ]);
  }
  return words.map((word) => {
    const [from = "", to = ""] = word.split("->");
    return [nodeId(from), nodeId(to)];
  });
}

function coreOptions(options: ReadonlyMap<string, string>): ScenarioOptions {
  const numbers = (name: string) => {
    const value = options.get(name);
    return value === undefined ? undefined : Number(value);
  };
  const flags = (name: string) => options.get(name) !== "off";
  const all = {
    electionTicks: numbers("election-ticks"),
    heartbeatTicks: numbers("heartbeat-ticks"),
    maxEntriesBytes: numbers("max-entries-bytes"),
    maxInflightMessages: numbers("max-inflight"),
    maxInflightBytes: numbers("max-inflight-bytes"),
    maxUncommittedBytes: numbers("max-uncommitted-bytes"),
    snapshotChunkBytes: numbers("chunk-bytes"),
    leadershipPriority: numbers("priority"),
    maxPendingReads: numbers("max-reads"),
    checkQuorum: flags("check-quorum"),
    preVote: flags("pre-vote"),
    catchUp: flags("catch-up"),
    maxCatchUpBytes: numbers("max-catch-up-bytes"),
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function first(words: readonly string[]): NodeId {
  const [id] = words;
  if (id === undefined) throw new Error("which server?");
  return nodeId(id);
}

function list(value: string | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : value.split(",");
}
