// One seed: a cluster under the faults that the seed chose, then healed, and judged.
import { RaftCore } from "../../src/raft/core/index.js";
import { Clients } from "./clients.js";
import { Cluster } from "./cluster.js";
import { EventQueue, type TimeUs, US_PER_S } from "./event-queue.js";
import { Faults } from "./faults.js";
import { History } from "./history.js";
import { LastingCutsPhase } from "./lasting-cuts.js";
import { checkRegister } from "./linearizability.js";
import type { CoreFactory } from "./node.js";
import { Operator } from "./operator.js";
import { Prng } from "./prng.js";
import { chooseSwarm, type Swarm, type SwarmOverrides } from "./swarm.js";
import { Trace } from "./trace.js";
import { Violation } from "./violation.js";

export interface SimulationOptions extends SwarmOverrides {
  readonly seed: number;
  /** Gets the trace, line by line. */
  readonly onLine?: (line: string) => void;
  /** What takes the place of the real core. */
  readonly createCore?: CoreFactory;
}

export interface SimulationResult {
  readonly seed: number;
  readonly swarm: Swarm;
  readonly violation: Violation | undefined;
  readonly traceHash: string;
  readonly virtualUs: TimeUs;
  /** Inputs that nodes took. */
  readonly events: number;
  readonly committed: number;
  readonly operations: number;
  readonly unknownOperations: number;
  /** Histories whose check was given up at its bound. */
  readonly undecided: number;
  /** Some links stayed down, a server reached a majority, and a leader had to be there. */
  readonly hadLastingCuts: boolean;
}

/**
 * After healing, everyone must be served within this time. An election takes under a second, a
 * stuck leadership transfer or a snapshot a few more; the rest is margin.
 */
const HEALED_WITHIN_US = 60 * US_PER_S;
const HEALED_CHECK_EVERY_US = US_PER_S / 4;

/** Runs a seed. Never throws for what the core does wrong: it is in the result. */
export const simulate = (options: SimulationOptions): SimulationResult => {
  const prng = new Prng(options.seed);
  const swarm = chooseSwarm(prng.fork("swarm"), options);
  const events = new EventQueue();
  const trace = new Trace(events, options.onLine);
  const history = new History();
  const run = { committed: 0, undecided: 0, hadLastingCuts: false };
  let violation: Violation | undefined;
  try {
    const createCore = options.createCore ?? ((core) => new RaftCore(core));
    const cluster = new Cluster(events, prng.fork("cluster"), swarm, trace, createCore);
    const clients = new Clients(events, prng.fork("clients"), cluster, history, swarm);
    const faults = new Faults(events, prng.fork("faults"), cluster, trace);
    const operator = new Operator(events, prng.fork("operator"), cluster, trace);
    try {
      clients.begin();
      faults.begin(swarm);
      operator.begin(swarm);
      while (events.runNext(swarm.faultsForUs));
      trace.say("all", () => "the faults are healed");
      operator.end();
      faults.end();
      cluster.heal();
      clients.expectProgress();
      runUntilServed(events, cluster, clients);
      const { lastingCuts } = swarm;
      if (lastingCuts !== undefined && mustSurviveLastingCuts(swarm)) {
        const phase = new LastingCutsPhase(events, prng.fork("lasting cuts"), cluster, trace);
        run.hadLastingCuts = phase.run(lastingCuts);
        clients.expectProgress();
        runUntilServed(events, cluster, clients);
      }
    } finally {
      run.committed = cluster.invariants.global.commit;
    }
    run.undecided = checkHistories(history);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
    trace.say("all", () => `VIOLATION of ${error.message}`);
  }
  return {
    seed: options.seed,
    swarm,
    violation,
    traceHash: trace.hash,
    virtualUs: events.now,
    events: trace.count,
    committed: run.committed,
    operations: history.completed,
    unknownOperations: history.unknown,
    undecided: run.undecided,
    hadLastingCuts: run.hadLastingCuts,
  };
};

/** Without these, servers stand by leaders without a quorum, or terms grow behind the cuts. */
const mustSurviveLastingCuts = ({ core }: Swarm): boolean =>
  core.checkQuorum && core.preVote && core.catchUp;

/** A healthy cluster serves every client and brings every member up to date, in bounded time. */
const runUntilServed = (events: EventQueue, cluster: Cluster, clients: Clients): void => {
  const deadline = events.now + HEALED_WITHIN_US;
  let lacking = "nothing was tried";
  while (events.now < deadline) {
    const until = events.now + HEALED_CHECK_EVERY_US;
    while (events.runNext(until));
    const nowLacking = whatIsLacking(cluster, clients);
    if (nowLacking === undefined) return;
    lacking = nowLacking;
  }
  throw new Violation("liveness after healing", lacking);
};

const whatIsLacking = (cluster: Cluster, clients: Clients): string | undefined => {
  const leader = cluster.leader();
  if (leader === undefined) return "there is no leader";
  if (!clients.hasProgressed()) return "a client got nothing through";
  const membership = cluster.invariants.membershipOf(leader.id);
  if (membership.outgoing.length > 0) return "the configuration stays joint";
  const { commit } = cluster.invariants.global;
  for (const node of cluster.members()) {
    const { id } = node;
    // Load goes on: who is a few entries behind is up to date.
    if (node.machine.appliedIndex < commit - MAX_LAG) {
      const peer = leader.call((core) => core.status().peers.find((other) => other.id === id));
      const place = `${node.machine.appliedIndex} of ${commit}`;
      return `${id} has applied ${place}; ${leader.id} sees ${JSON.stringify(peer)}`;
    }
  }
  return undefined;
};

const MAX_LAG = 5;

/** Number of histories that could not be decided. Throws for one that is not linearizable. */
const checkHistories = (history: History): number => {
  let undecided = 0;
  for (const [key, operations] of history.end()) {
    const verdict = checkRegister(operations);
    if (verdict.kind === "undecided") undecided += 1;
    if (verdict.kind !== "violation") continue;
    const { stuckAt, linearized } = verdict;
    const last = linearized.slice(-5).map(({ kind, value }) => `${kind} ${value}`);
    throw new Violation(
      "linearizability",
      `register ${key}: no place for ${stuckAt.kind} of ${stuckAt.value} ` +
        `(${stuckAt.invokedAt}..${stuckAt.returnedAt}) after ${last.join(", ")}`,
    );
  }
  return undecided;
};
