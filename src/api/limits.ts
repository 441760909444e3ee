// Bounds of what the gRPC edge takes in and waits for, in one place.

/** Largest message of any call: a batch of 10,000 submissions, with room to spare. */
export const MAX_MESSAGE_BYTES = 64 * 1_048_576;
/** Largest message of a worker's stream: reports, each with a result of up to 1 MiB. */
export const MAX_ATTACH_MESSAGE_BYTES = 32 * 1_048_576;
/** Largest question to server reflection: names of files and types. */
export const MAX_REFLECTION_REQUEST_BYTES = 64 * 1_024;
/** Submissions of one call. */
export const MAX_SUBMIT_ITEMS = 10_000;
/** Single submissions that share one call to the leader. */
export const MAX_JOINED_SUBMISSIONS = 1_000;
/** Size of the data of submissions that share one call. */
export const MAX_JOINED_BYTES = 8 * 1_048_576;
/** How often a call may be handed on from node to node. */
export const MAX_FORWARD_HOPS = 2;
/** How often a call whose answer was lost is sent again. */
export const MAX_RESENDS = 2;
/** Wait before a leader is asked again that said it does not lead, unless news comes earlier. */
export const STALE_LEADER_WAIT_MS = 100;
/** How long a node that was handed a call waits to lead itself, or to learn who does. */
export const FORWARDED_LEADER_WAIT_MS = 500;
/** Calls to the leader under way or waiting for one; past it a call is refused as overloaded. */
export const MAX_LEADER_CALLS = 10_000;
/** How long a call waits for a leader unless its deadline is earlier. */
export const DEFAULT_LEADER_WAIT_MS = 2_000;
/** Deadline of a forwarded call whose caller set none. */
export const DEFAULT_CALL_TIMEOUT_MS = 30_000;
/** How long a connection is tried to a node that has to be told of a rule of its links. */
export const LINK_CONNECT_MS = 1_000;
/** Nodes that are told of a rule at a time. */
export const MAX_LINK_PEERS = 64;
/** Deadline of such a call. */
export const LINK_CALL_MS = 2_000;
/** How long a stopping server waits for calls under way. */
export const DEFAULT_SHUTDOWN_GRACE_MS = 5_000;
/** A watcher that does not read for this long is cut off; it may go on from where it was. */
export const WATCH_STALL_MS = 60_000;
