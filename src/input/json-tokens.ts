// Looks through JSON text token by token for what JSON.parse takes in silence: a key that stands twice,
// of which it keeps the last, and an integer that no double holds, which it rounds.

/** Where one was found, and in words that stand behind its name. */
export interface TokenFault {
  readonly path: readonly string[];
  readonly problem: string;
}

/** An object or an array that is open. */
interface Open {
  /** Undefined: an array. */
  readonly keys: Set<string> | undefined;
  awaitsKey: boolean;
  /** Where in it the text stands. */
  step: string | number;
}

const NUMBER = /-?\d[\d.eE+-]*/y;
const INTEGER = /^-?\d+$/;

/** @param text is JSON */
export function tokenFault(text: string): TokenFault | undefined {
  const open: Open[] = [];
  const path = (): string[] => open.map(({ step }) => String(step));
  for (let at = 0; at < text.length; at += 1) {
    const top = open.at(-1);
    const character = text.charAt(at);
    switch (character) {
      case "{":
        open.push({ keys: new Set(), awaitsKey: true, step: "" });
        break;
      case "[":
        open.push({ keys: undefined, awaitsKey: false, step: 0 });
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case ",":
        if (top !== undefined) goOn(top);
        break;
      case '"': {
        const end = endOfString(text, at);
        if (top?.awaitsKey === true && isRepeated(top, text.slice(at, end))) {
          return { path: path(), problem: "stands twice in its object: leave one out" };
        }
        at = end - 1;
        break;
      }
      default: {
        NUMBER.lastIndex = at;
        const [token] = NUMBER.exec(text) ?? [];
        if (token === undefined) break;
        if (isRounded(token)) {
          const problem = `is an integer of which readers of JSON keep ${String(Number(token))}: send it as text`;
          return { path: path(), problem };
        }
        at += token.length - 1;
      }
    }
  }
  return undefined;
}

function goOn(open: Open): void {
  if (typeof open.step === "number") open.step += 1;
  else open.awaitsKey = true;
}

/** Notes the key; true where it is there already. */
function isRepeated(object: Open, literal: string): boolean {
  const key = JSON.parse(literal) as string;
  const isKnown = object.keys?.has(key) === true;
  object.keys?.add(key);
  object.step = key.toWellFormed();
  object.awaitsKey = false;
  return isKnown;
}

/** Behind the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    const character = text[at];
    if (character === "\\") at += 1;
    else if (character === '"' || character === undefined) return at + 1;
  }
}

/** True where the integer is read as another one. */
function isRounded(token: string): boolean {
  if (!INTEGER.test(token)) return false;
  const value = Number(token);
  return !Number.isSafeInteger(value) && JSON.stringify(value) !== token;
}
