// Bounds of the gateway that are no matter of configuration, in one place.

/** SubmitTasks calls under way at a time; more wait and so make larger batches. */
export const MAX_BATCHES_IN_FLIGHT = 4;
/** Submissions of one call. */
export const MAX_BATCH_ITEMS = 1_000;
/** Size of the data of the submissions of one call; a larger one goes alone. */
export const MAX_BATCH_BYTES = 1_048_576;
/** Submissions that wait for a call; past it 503. */
export const MAX_QUEUED_SUBMISSIONS = 50_000;
/** Bytes of data that wait for a call; past it 503. */
export const MAX_QUEUED_BYTES = 134_217_728;

/** First deadline of a submission's try; doubled with each, so that an overloaded leader is not
 * asked for the same again and again. */
export const SUBMIT_TRY_MS = 1_500;
/** Deadline of another call's try. */
export const CALL_TRY_MS = 2_000;
/** Deadline of an audit, which reads every task. */
export const VERIFY_TRY_MS = 600_000;
/** Longest deadline of a try that is made again. */
export const MAX_TRY_MS = 10_000;
/** How much longer than its `wait` a read's try may take. */
export const WAIT_SLACK_MS = 2_000;
/** A node that is not connected by then is passed over for another. */
export const CONNECT_MS = 500;

export const BACKOFF_MIN_MS = 25;
export const BACKOFF_MAX_MS = 100;

/** Wait before a watch whose node went away is begun anew with another. */
export const WATCH_RETRY_MS = 100;
/** How often a stream of events without events says that it lives. */
export const EVENT_HEARTBEAT_MS = 15_000;

/** How often the leader is looked for although calls succeed: one that handed leadership over goes
 * on answering, at the price of a hop. */
export const LEADER_REFRESH_MS = 2_000;
/** Deadline of one look for the leader. */
export const LEADER_LOOK_MS = 500;
/** Nodes asked in one look. */
export const LEADER_LOOK_PEERS = 5;
/** How long a node that did not answer is passed over for reads, where another one may. */
export const AVOID_MS = 2_000;
/** Addresses that are remembered. */
export const MAX_PEERS = 64;

/** How long a health check looks for a leader. */
export const HEALTH_RETRY_MS = 500;
export const HEALTH_TRY_MS = 1_000;

/** Problems of one request that are listed. */
export const MAX_LISTED_ERRORS = 20;

/** Bound of the time in which a request must have come, its body included. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** How long a body waits for the room that others have; past it 503. */
export const BODY_WAIT_MS = 10_000;
/** A body of which more has come must come on: so much of it in each such time. */
export const SLOW_BODY_BYTES = 65_536;
export const LEAST_BODY_BYTES = 81_920;
export const BODY_LOOK_MS = 5_000;
/** A large answer of which its client takes nothing for so long is cut off. */
export const ANSWER_STALL_MS = 30_000;
/** So long a client may read before it has to give way to others. */
export const ANSWER_PATIENCE_MS = 5_000;

/** How long a stopping gateway lets requests finish. */
export const STOP_GRACE_MS = 4_000;
/** Retry-After where the node named no time. */
export const DEFAULT_RETRY_AFTER_MS = 1_000;
/** Submissions whose log index is remembered, so that a read that follows sees them. */
export const MAX_RECENT_SUBMISSIONS = 20_000;

/** Of a change that is answered once Redis shows it, or another node leads: sent again, it is done once all the same. */
export const CHANGE_TRY_MS = CALL_TRY_MS + WAIT_SLACK_MS;
