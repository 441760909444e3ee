// What the names of queues and schedules look like, for the node and the gateway alike.
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The rule in words, to stand behind the name of a field. */
export const NAME_RULE =
  "must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit";

export function isName(text: string): boolean {
  return NAME.test(text);
}
