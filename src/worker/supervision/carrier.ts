// A node's end of the way to a host, whatever carries it: one host, from its start to its end.
import type { FromHost, HostSetting, ToHost } from "../protocol/messages.js";

/** How a host ended, as far as the system tells. */
export type HostEnd =
  | { readonly kind: "exited"; readonly how: string }
  | { readonly kind: "out-of-memory" }
  | { readonly kind: "failed"; readonly error: unknown };

export interface HostCarrier {
  send(batch: readonly ToHost[]): void;
  /** Ends the host at once, whatever it does. */
  terminate(): void;
}

export interface CarrierListener {
  readonly batch: (batch: readonly FromHost[]) => void;
  /** Called once, after everything that the host said. */
  readonly end: (end: HostEnd) => void;
}

/** Starts a host. */
export type OpenCarrier = (setting: HostSetting, listener: CarrierListener) => HostCarrier;
