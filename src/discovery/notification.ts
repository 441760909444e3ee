// What the scripts say on the registry's channel: that a record changed, that a node left in good
// order, that a mesh was formed.

export type Notification =
  | { readonly kind: "changed"; readonly id: string }
  | { readonly kind: "left"; readonly id: string }
  | { readonly kind: "formed"; readonly meshId: string };

/** Reads a message; undefined where it is none of ours. */
export function decodeNotification(message: string): Notification | undefined {
  const space = message.indexOf(" ");
  const rest = message.slice(space + 1);
  switch (message.slice(0, space)) {
    case "changed":
      return { kind: "changed", id: rest };
    case "left":
      return { kind: "left", id: rest };
    case "formed":
      return { kind: "formed", meshId: rest };
    default:
      return undefined;
  }
}
