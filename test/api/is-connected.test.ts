import { type ChannelInterface, connectivityState } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { isConnected } from "../../src/api/client-pool.js";

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState;

/** A channel that shows these states, one after the other; in the last one the deadline passes. */
function peerThatGoesThrough(...states: connectivityState[]) {
  let at = 0;
  const channel: Pick<ChannelInterface, "getConnectivityState" | "watchConnectivityState"> = {
    getConnectivityState: () => states[at] ?? SHUTDOWN,
    watchConnectivityState: (_state, _deadline, callback) => {
      at += 1;
      callback(at < states.length ? undefined : new Error("deadline"));
    },
  };
  return {
    tasks: { getChannel: () => channel as ChannelInterface },
    /** States that were waited for. */
    waits: () => at,
  };
}

const DEADLINE_MS = 1;

test.each([
  ["connects", [IDLE, CONNECTING, READY], true, 2],
  ["fails to connect", [IDLE, CONNECTING, TRANSIENT_FAILURE], false, 2],
  ["fails so soon that nobody sees it try", [IDLE, TRANSIENT_FAILURE], false, 1],
  ["failed before, and connects", [TRANSIENT_FAILURE, CONNECTING, READY], true, 2],
  ["does not connect in time", [IDLE, CONNECTING], false, 2],
  ["is closed", [SHUTDOWN], false, 0],
])("a channel that %s", async (_what, states, connected, waits) => {
  const peer = peerThatGoesThrough(...states);
  expect(await isConnected(peer, DEADLINE_MS)).toBe(connected);
  expect(peer.waits()).toBe(waits);
});
