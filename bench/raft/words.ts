// What the benchmark and its processes say to each other.
import type { Load, Measured } from "./window.js";

/** To a process. */
export type Order =
  | { readonly kind: "peers"; readonly addresses: Readonly<Record<string, string>> }
  /** Where the client sends its proposals. */
  | { readonly kind: "connect"; readonly address: string }
  | { readonly kind: "load"; readonly load: Load };

/** From a process. */
export type Word =
  | { readonly kind: "listening"; readonly address: string }
  /** `leads`: to a member that leads. */
  | { readonly kind: "connected"; readonly leads: boolean }
  | { readonly kind: "leads" }
  | { readonly kind: "measured"; readonly measured: Measured };

export function say(word: Word): void {
  process.send?.(word);
}

/** Ends the process when its parent has. */
export function obey(follow: (order: Order) => Promise<void> | void): void {
  process.on("message", (order: Order) => {
    Promise.resolve(follow(order)).catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    });
  });
  process.on("disconnect", () => process.exit(0));
}
