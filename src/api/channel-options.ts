// How whoever calls a node connects to it: other nodes, the gateway and the CLI.
import type { ClientOptions } from "@grpc/grpc-js";

import { MAX_MESSAGE_BYTES } from "./limits.js";

/** Options of a channel to a node. gRPC's own bound of 4 MiB is too small for a batch's answer. */
export const NODE_CHANNEL_OPTIONS: Partial<ClientOptions> = {
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  // A peer that is cut off without a word is noticed by a ping that goes unanswered.
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 2_000,
  // A node that comes back is a node again in a moment, not within gRPC's two minutes: calls wait for it.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 250,
  // No connection, and no wait after a failure, is shared with another channel to the same node: a try is
  // a try of the channel's own, and its failure is news.
  "grpc.use_local_subchannel_pool": 1,
  // What may be resent is decided by the forwarder alone.
  "grpc.enable_retries": 0,
};
