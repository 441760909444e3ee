// What the checkers remember of one node, and what of a batch makes them look closer.
import type { Membership, Ready } from "../../src/raft/core/index.js";
import type { Disk } from "./disk.js";
import type { PlacedMembership, ShadowLog } from "./shadow-log.js";

/** A node in its present life. */
export interface Observed {
  readonly id: string;
  readonly disk: Disk;
  life: number;
  log: ShadowLog;
  /** Leads this term, 0 where it does not lead. */
  leads: number;
  term: number;
  vote: string | undefined;
  /** Newest commit index that it let show. */
  commit: number;
  /** Newest entry handed out for applying. */
  handedOut: number;
  /** As the core told it last. */
  applied: number;
}

/** A configuration and the next one in some log. */
export interface Change {
  readonly current: PlacedMembership;
  readonly next: Membership;
}

/**
 * Does what the batch holds call for a look at the core's commit index? A heartbeat tells only as much of
 * it as the follower surely has, and that may end with an entry of a former term.
 */
export const tellsCommit = ({
  committed,
  softState,
  write,
  membership,
  messages,
}: Ready): boolean =>
  committed.length > 0 ||
  messages.some(({ kind }) => kind === "heartbeat") ||
  softState !== undefined ||
  membership !== undefined ||
  write?.hardState !== undefined;
