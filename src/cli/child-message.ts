// What children of `up` tell it over their IPC channel.

export type ChildMessage =
  /** Started: from here on its own health tells whether it is ready. */
  | { readonly kind: "started" }
  /** Cannot start or go on; the line says why. */
  | { readonly kind: "failed"; readonly exitLine: string }
  /** The keeper's Redis runs under this pid. */
  | { readonly kind: "redis"; readonly pid: number };

/** The message, or undefined for something else. */
export function parseChildMessage(value: unknown): ChildMessage | undefined {
  if (typeof value !== "object" || value === null || !("kind" in value)) return undefined;
  switch (value.kind) {
    case "started":
      return { kind: "started" };
    case "failed":
      return "exitLine" in value && typeof value.exitLine === "string"
        ? { kind: "failed", exitLine: value.exitLine }
        : undefined;
    case "redis":
      return "pid" in value && typeof value.pid === "number"
        ? { kind: "redis", pid: value.pid }
        : undefined;
    default:
      return undefined;
  }
}
