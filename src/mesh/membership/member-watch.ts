// How the leader sees its followers over time: since when each has been answering or silent, and how
// quickly it catches up (§4.2.1). Time comes in as steps, so that a leader that was itself frozen
// takes nobody for dead.
import type { RaftStatus } from "../../raft/index.js";

export interface MemberWatchOptions {
  /** Without an answer for longer than this a member counts as silent. */
  readonly aliveWithinMs: number;
  /** A round that took no longer than this ends with a log that is as good as the leader's. */
  readonly roundMs: number;
}

export interface MemberState {
  readonly alive: boolean;
  readonly aliveForMs: number;
  readonly silentForMs: number;
  readonly caughtUp: boolean;
}

interface Track {
  /** Has answered at all. */
  answered: boolean;
  /** Since its last answer, or since the watch began. */
  sinceAnswerMs: number;
  aliveForMs: number;
  /** Entries up to here, the leader's last when the round began, end it. */
  roundEnd: number;
  roundTookMs: number;
  caughtUp: boolean;
}

const UNKNOWN: MemberState = { alive: false, aliveForMs: 0, silentForMs: 0, caughtUp: false };

/** Of one term of leadership: begin anew with each. */
export class MemberWatch {
  readonly #options: MemberWatchOptions;
  readonly #tracks = new Map<string, Track>();

  constructor(options: MemberWatchOptions) {
    this.#options = options;
  }

  /** @param elapsedMs since the last call, as far as this process ran */
  observe({ peers, lastIndex }: Pick<RaftStatus, "peers" | "lastIndex">, elapsedMs: number): void {
    const known = new Set<string>(peers.map(({ id }) => id));
    for (const id of this.#tracks.keys()) if (!known.has(id)) this.#tracks.delete(id);
    for (const { id, match, recentActive } of peers) {
      const track = this.#tracks.get(id) ?? newTrack(lastIndex);
      this.#tracks.set(id, track);
      track.answered ||= recentActive;
      track.sinceAnswerMs = recentActive ? 0 : track.sinceAnswerMs + elapsedMs;
      track.aliveForMs = this.#isAlive(track) ? track.aliveForMs + elapsedMs : 0;
      track.roundTookMs += elapsedMs;
      if (match >= track.roundEnd) {
        track.caughtUp = track.roundTookMs <= this.#options.roundMs;
        track.roundEnd = lastIndex;
        track.roundTookMs = 0;
      } else if (track.roundTookMs > this.#options.roundMs) {
        track.caughtUp = false;
      }
    }
  }

  /** What is known of a member; of one that was never seen, that it is not alive. */
  stateOf(id: string): MemberState {
    const track = this.#tracks.get(id);
    if (track === undefined) return UNKNOWN;
    const { sinceAnswerMs, aliveForMs, caughtUp } = track;
    const alive = this.#isAlive(track);
    return { alive, aliveForMs, silentForMs: alive ? 0 : sinceAnswerMs, caughtUp };
  }

  #isAlive({ answered, sinceAnswerMs }: Track): boolean {
    return answered && sinceAnswerMs <= this.#options.aliveWithinMs;
  }
}

function newTrack(lastIndex: number): Track {
  return {
    answered: false,
    sinceAnswerMs: 0,
    aliveForMs: 0,
    roundEnd: lastIndex,
    roundTookMs: 0,
    caughtUp: false,
  };
}
