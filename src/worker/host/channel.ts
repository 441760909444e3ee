// A host's end of the way to its node, whatever carries it.
import type { FromHost, ToHost } from "../protocol/messages.js";

export interface HostChannel {
  send(batch: readonly FromHost[]): void;
  onBatch(listener: (batch: readonly ToHost[]) => void): void;
  /** Hands what has arrived to the listener without a turn of the event loop, where the carrier can. */
  readNow(): void;
}
