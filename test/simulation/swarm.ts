// Which faults a seed has, and how bad they are. Leaving most of them out of most runs finds more
// than putting all into all (swarm testing, Groce et al. 2012): faults mask each other.
import { type DiskConditions, HEALTHY_DISK } from "./disk.js";
import { type TimeUs, US_PER_MS, US_PER_S } from "./event-queue.js";
import type { LastingCuts } from "./lasting-cuts.js";
import { HEALTHY_NETWORK, type NetworkConditions } from "./network.js";
import type { Prng } from "./prng.js";

/** Something that comes again and again, and lasts a while each time. */
export interface Recurring {
  readonly meanEveryUs: TimeUs;
  readonly meanForUs: TimeUs;
}

export interface Swarm {
  readonly nodes: number;
  readonly learners: number;
  readonly faultsForUs: TimeUs;
  readonly tickUs: TimeUs;
  readonly network: NetworkConditions;
  readonly disk: DiskConditions;
  readonly core: {
    readonly electionTicks: number;
    readonly heartbeatTicks: number;
    readonly maxEntriesBytes: number;
    readonly maxInflightMessages: number;
    readonly maxInflightBytes: number;
    readonly maxUncommittedBytes: number;
    readonly maxApplyingBytes: number;
    readonly snapshotChunkBytes: number;
    readonly maxPendingReads: number;
    readonly checkQuorum: boolean;
    readonly preVote: boolean;
    readonly catchUp: boolean;
  };
  readonly snapshotEvery: number;
  readonly snapshotPaddingBytes: number;
  readonly keepEntries: number;
  readonly isMachineDurable: boolean;
  readonly meanApplyUs: TimeUs;

  readonly crashes: Recurring | undefined;
  /** The others learn of a crash by connections that are refused. */
  readonly refusesAfterCrash: boolean;
  /** All nodes at once, as when the power fails. */
  readonly blackouts: Recurring | undefined;
  readonly pauses: Recurring | undefined;
  readonly partitions: Recurring | undefined;
  /** One way of one link. */
  readonly oneWayCuts: Recurring | undefined;
  /** One node's links go down and up many times a second. */
  readonly flapping: Recurring | undefined;
  /** Largest factor between a node's clock and the true one; 1 for no skew. */
  readonly maxClockSkew: number;
  /** Packets of the past come again, also from terms long gone. */
  readonly replayEveryUs: TimeUs | undefined;
  readonly bitRotEveryUs: TimeUs | undefined;
  readonly chunkCorruptionProbability: number;
  readonly membershipChangeEveryUs: TimeUs | undefined;
  readonly transferEveryUs: TimeUs | undefined;
  /** Campaigns, changes of priority and unreachable reports out of the blue. */
  readonly nudgeEveryUs: TimeUs | undefined;

  readonly clients: number;
  readonly keys: number;
  readonly meanThinkUs: TimeUs;
  readonly readShare: number;
  readonly maxBatch: number;
  readonly maxPaddingBytes: number;
  readonly timeoutUs: TimeUs;

  /** After all other faults, in a cluster that has recovered from them. */
  readonly lastingCuts: LastingCuts | undefined;
}

export interface SwarmOverrides {
  readonly nodes?: number;
}

const CLUSTER_SIZES = [1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 5, 7] as const;
const FAULTS_FOR_US = 30 * US_PER_S;
const TICK_US = 50 * US_PER_MS;
const LARGE = 1 << 20;

/** The faults of a seed. */
export const chooseSwarm = (prng: Prng, overrides: SwarmOverrides = {}): Swarm => {
  const sometimes = <T>(probability: number, value: () => T): T | undefined => {
    const chosen = value();
    return prng.chance(probability) ? chosen : undefined;
  };
  const recurring = (probability: number, everyS: number, forS: number): Recurring | undefined =>
    sometimes(probability, () => ({
      meanEveryUs: everyS * US_PER_S * (0.3 + prng.float() * 1.7),
      meanForUs: forS * US_PER_S * (0.1 + prng.float() * 1.9),
    }));
  const every = (probability: number, everyS: number): TimeUs | undefined =>
    sometimes(probability, () => everyS * US_PER_S * (0.3 + prng.float() * 1.7));
  const size = prng.pick(CLUSTER_SIZES) ?? 3;
  const maxPaddingBytes = prng.chance(0.2) ? prng.between(10, 400) : 0;
  return {
    nodes: overrides.nodes ?? size,
    learners: prng.chance(0.2) ? prng.between(1, 2) : 0,
    faultsForUs: FAULTS_FOR_US,
    tickUs: TICK_US,
    network: chooseNetwork(prng),
    disk: chooseDisk(prng),
    core: chooseCore(prng),
    snapshotEvery: prng.chance(0.7) ? prng.between(3, 60) : 1_000_000,
    snapshotPaddingBytes: prng.chance(0.5) ? prng.between(20, 400) : 0,
    keepEntries: prng.between(0, 30),
    isMachineDurable: prng.chance(0.4),
    meanApplyUs: prng.chance(0.3) ? prng.between(1, 100) * US_PER_MS : 0,
    crashes: recurring(0.5, 3, 1.5),
    blackouts: recurring(0.15, 10, 1),
    pauses: recurring(0.3, 3, 1),
    partitions: recurring(0.4, 4, 2),
    oneWayCuts: recurring(0.35, 2, 2),
    flapping: recurring(0.2, 5, 2),
    maxClockSkew: prng.chance(0.4) ? 1 + prng.float() * 2 : 1,
    replayEveryUs: every(0.3, 0.03),
    bitRotEveryUs: every(0.15, 12),
    chunkCorruptionProbability: prng.chance(0.25) ? prng.float() * 0.2 : 0,
    membershipChangeEveryUs: every(0.45, 2.5),
    transferEveryUs: every(0.3, 3),
    nudgeEveryUs: every(0.25, 2),
    clients: prng.between(1, 5),
    keys: prng.between(1, 4),
    meanThinkUs: prng.between(100, 900) * US_PER_MS,
    readShare: prng.pick([0, 0.3, 0.5, 0.5, 0.9]) ?? 0.5,
    maxBatch: prng.chance(0.3) ? prng.between(2, 6) : 1,
    maxPaddingBytes,
    timeoutUs: prng.between(300, 3_000) * US_PER_MS,
    lastingCuts: sometimes(0.5, () => chooseLastingCuts(prng)),
    refusesAfterCrash: prng.chance(0.5),
  };
};

const chooseLastingCuts = (prng: Prng): LastingCuts => {
  const shape = prng.pick(["star", "star", "chain", "link", "random"] as const) ?? "star";
  return {
    rounds: prng.chance(0.5) ? prng.between(1, 4) : 0,
    meanRoundUs: prng.between(500, 3_000) * US_PER_MS,
    shape,
    isOutdated: shape === "star" && prng.chance(0.7),
    downProbability: prng.float(),
  };
};

const chooseNetwork = (prng: Prng): NetworkConditions => {
  const isBad = prng.chance(0.6);
  const lossProbability = prng.chance(0.6) ? prng.float() ** 2 * 0.4 : 0;
  const duplicateProbability = prng.chance(0.5) ? prng.float() * 0.2 : 0;
  const meanJitterUs = prng.chance(0.3)
    ? prng.between(10, 200) * US_PER_MS
    : prng.between(1, 10) * US_PER_MS;
  const stragglerProbability = prng.chance(0.4) ? prng.float() * 0.05 : 0;
  const meanStragglerDelayUs = prng.between(100, 8_000) * US_PER_MS;
  if (!isBad) return HEALTHY_NETWORK;
  return {
    lossProbability,
    duplicateProbability,
    minDelayUs: prng.between(100, 2_000),
    meanJitterUs,
    stragglerProbability,
    meanStragglerDelayUs,
  };
};

const chooseDisk = (prng: Prng): DiskConditions => {
  if (prng.chance(0.4)) return HEALTHY_DISK;
  return {
    minSyncUs: 200,
    meanSyncUs: prng.chance(0.3) ? prng.between(5, 100) * US_PER_MS : prng.between(200, 5_000),
    slowProbability: prng.chance(0.5) ? prng.float() * 0.05 : 0,
    meanSlowSyncUs: prng.between(50, 2_000) * US_PER_MS,
    failProbability: prng.chance(0.2) ? prng.float() * 0.01 : 0,
  };
};

const chooseCore = (prng: Prng): Swarm["core"] => {
  const isTight = prng.chance(0.5);
  const tight = (min: number, max: number): number => {
    const chosen = prng.between(min, max);
    return isTight ? chosen : LARGE;
  };
  const heartbeatTicks = prng.between(1, 3);
  return {
    electionTicks: Math.max(heartbeatTicks * 3, prng.pick([6, 10, 10, 15]) ?? 10),
    heartbeatTicks,
    maxEntriesBytes: tight(1, 600),
    maxInflightMessages: isTight ? prng.between(1, 8) : 64,
    maxInflightBytes: tight(1, 2_000),
    maxUncommittedBytes: tight(400, 4_000),
    maxApplyingBytes: tight(1, 600),
    snapshotChunkBytes: tight(1, 30),
    maxPendingReads: isTight ? prng.between(1, 8) : 16_384,
    checkQuorum: !prng.chance(0.1),
    preVote: !prng.chance(0.1),
    catchUp: !prng.chance(0.1),
  };
};
